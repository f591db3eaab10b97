// folder.test.js: folders as people have them: links, hidden files, kinds by content, files of other kinds.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, describe, test } from "node:test";
import { searchFolder } from "../../dist/data/folder.js";

const root = mkdtempSync(join(tmpdir(), "shiftwise-folder-"));
after(() => rmSync(root, { recursive: true }));

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
const NPY = Buffer.from("\x93NUMPY", "latin1");

/** A new folder; values are contents, or the target of a link. */
function folderOf(files) {
  const folder = mkdtempSync(join(root, "f-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    if (typeof content === "object" && "to" in content) symlinkSync(content.to, join(folder, name));
    else writeFileSync(join(folder, name), content);
  }
  return folder;
}

async function found(files) {
  const folder = folderOf(files);
  const { pictures, arrays, others, hidden } = await searchFolder(folder);
  const names = (paths) => paths.map((path) => relative(folder, path));
  return { pictures: names(pictures), arrays: names(arrays), others, hidden };
}

describe("searchFolder", () => {
  test("takes names of pictures by their word, everything else by its content, by path", async () => {
    const files = {
      "b/2.jfif": JPEG,
      "b/1.JPE": "",
      "a.bmp": "BM",
      "no extension": JPEG,
      "scan.dat": Buffer.from("II*\0"),
      "x.npy": NPY,
      "y.bin": NPY,
      "labels.txt": "cat 1\n",
      "list.html": "<!doctype html>",
      empty: "",
    };
    assert.deepEqual(await found(files), {
      pictures: ["a.bmp", "b/1.JPE", "b/2.jfif", "no extension", "scan.dat"],
      arrays: ["x.npy", "y.bin"],
      others: ["empty (an empty file)", 'labels.txt (a text that begins with "cat 1\\n")', "list.html (an HTML page)"],
      hidden: 0,
    });
  });

  test("leaves out what people do not see", async () => {
    const files = {
      "a.png": "",
      "._a.png": "Mac",
      ".DS_Store": "",
      "__MACOSX/._a.png": "",
      "sub/.git/x.png": "",
      "Thumbs.db": "",
      "sub/b.png": "",
    };
    const { pictures, others, hidden } = await found(files);
    assert.deepEqual({ pictures, others, hidden }, { pictures: ["a.png", "sub/b.png"], others: [], hidden: 5 });
  });

  test("follows links to files and folders, each once, and out of every loop", {
    skip: process.platform === "win32",
  }, async () => {
    const elsewhere = folderOf({ "far.png": "", "deep/er.png": "" });
    const files = {
      "a/1.png": "",
      "b.png": { to: join("a", "1.png") },
      loop: { to: "." },
      "a/up": { to: ".." },
      other: { to: elsewhere },
      again: { to: elsewhere },
      "lost.png": { to: "nowhere" },
      me: { to: "me" },
      "device.png": { to: "/dev/null" },
    };
    const { pictures, others } = await found(files);
    assert.deepEqual(pictures, ["a/1.png", join("again", "deep", "er.png"), join("again", "far.png")]);
    assert.deepEqual(
      others.map((text) => text.replace(/ \(.*/, "")),
      ["device.png", "lost.png", "me"],
    );
    assert.match(others[0], /no file/);
    assert.match(others[1], /^lost\.png \(no such file or directory\)$/);
  });

  test("names a folder that is none", async () => {
    await assert.rejects(searchFolder(join(root, "nowhere")), { code: "IO", where: join(root, "nowhere") });
  });
});

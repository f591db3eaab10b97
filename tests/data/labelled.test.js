// labelled.test.js: labelled pictures from folders, tables, archives and arrays, and what is wrong with them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { zipSync } from "fflate";
import { openLabelled } from "../../dist/data/index.js";
import { bmp as picture } from "./bmp.js";

/** A picture whose pixels all have one value. */
const bmp = (width, height, value) => picture(width, height, () => value);

function npy(shape, data) {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`.padEnd(117);
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]), Buffer.from(`${header}\n`), data]);
}

const folder = mkdtempSync(join(tmpdir(), "shiftwise-labelled-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts) => join(folder, ...parts);
function put(path, content) {
  mkdirSync(join(at(path), ".."), { recursive: true });
  writeFileSync(at(path), content);
}

const GREY = { shape: [1, 4, 4], preprocessing: {}, classes: 2 };
const all = async (set) => Promise.all(Array.from(set.labels, async (label, i) => [label, (await set.read(i))[0]]));

describe("openLabelled", () => {
  test("a folder for each class, numbered in the order of names, or as the network calls them", async () => {
    put("classes/cat/a.bmp", bmp(4, 4, 10));
    put("classes/dog/b.bmp", bmp(4, 4, 20));
    put("classes/dog/c.bmp", bmp(4, 4, 30));
    const set = await openLabelled(at("classes"), GREY);
    assert.deepEqual(await all(set), [
      [0, 10],
      [1, 20],
      [1, 30],
    ]);
    assert.deepEqual(set.classNames, ["cat", "dog"]);
    assert.match(set.remarks.join(), /in the order of their names: 0 is cat, 1 is dog/);
    const named = await openLabelled(at("classes"), { ...GREY, classes: 3, labels: ["Dog, hot", "newt", "cat"] });
    assert.deepEqual([...named.labels], [2, 0, 0]);
    assert.deepEqual([...(await openLabelled(at("classes"), GREY, 2)).labels], [0, 1]);
    await assert.rejects(openLabelled(at("classes"), { ...GREY, classes: 3 }), {
      code: "BAD_DATA",
      message: /3 classes; or --labels.*found 2: cat, dog/,
    });
    await assert.rejects(openLabelled(at("classes"), { ...GREY, labels: ["cat", "newt"] }), { message: /found dog/ });
  });

  test("folders called test or val, with numbers for classes", async () => {
    put("parts/train/0/a.bmp", bmp(4, 4, 1));
    put("parts/train/1/a.bmp", bmp(4, 4, 1));
    put("parts/val/0/a.bmp", bmp(4, 4, 40));
    put("parts/val/7/a.bmp", bmp(4, 4, 50));
    const set = await openLabelled(at("parts"), { ...GREY, classes: 10 });
    assert.deepEqual(await all(set), [
      [0, 40],
      [7, 50],
    ]);
    assert.match(set.remarks[0], /took the pictures of val/);
    await assert.rejects(openLabelled(at("parts"), GREY), { message: /classes 0\.\.1; found 7/ });
  });

  test("tables with commas, tabs or spaces, with a heading or none", async () => {
    for (const [name, text] of [
      ["a.csv", 'label,file_name\n1,"cat/a.bmp"\n0,b.bmp\n'],
      ["b.txt", "# made by hand\ncat/a.bmp 1\ndog/b.bmp 0\n"],
      ["c.tsv", "a.bmp\t1\r\n./dog/b.bmp\t0\r\n"],
    ]) {
      put(`classes/${name}`, text);
      assert.deepEqual(
        await all(await openLabelled(at("classes", name), GREY)),
        [
          [1, 10],
          [0, 20],
        ],
        name,
      );
    }
    put("classes/named.csv", "a.bmp,dog\nb.bmp,cat\n");
    assert.deepEqual([...(await openLabelled(at("classes", "named.csv"), GREY)).labels], [1, 0]);
    for (const [text, code, message] of [
      ["a.bmp\n", "BAD_FILE", /line 1: .*a picture and its label on each line/],
      ["", "BAD_FILE", /no table of labels/],
      ["x.bmp,1\ny.bmp,0\n", "BAD_DATA", /2 of 2 missing: x\.bmp, y\.bmp/],
      ["a.bmp,1\nb.bmp,2\n", "BAD_DATA", /found 2/],
    ]) {
      put("classes/wrong.csv", text);
      await assert.rejects(openLabelled(at("classes", "wrong.csv"), GREY), { code, message }, text);
    }
  });

  test("arrays, CIFAR-10 records and the generated set", async () => {
    const images = Buffer.from([...new Uint8Array(16).fill(5), ...new Uint8Array(16).fill(6)]);
    const arrays = { "x_test.npy": npy([2, 4, 4], images), "y_test.npy": npy([2, 1], Buffer.from([1, 0])) };
    writeFileSync(at("set.npz"), zipSync({ ...arrays, "x_train.npy": npy([1, 4, 4], Buffer.alloc(16)) }));
    assert.deepEqual(await all(await openLabelled(at("set.npz"), GREY)), [
      [1, 5],
      [0, 6],
    ]);
    writeFileSync(at("none.npz"), zipSync({ "a.npy": npy([2, 4, 4], images) }));
    assert.equal(await openLabelled(at("none.npz"), GREY), null);
    put("test_batch.bin", Buffer.concat([Buffer.from([9]), Buffer.alloc(3072, 77)]));
    const cifar = await openLabelled(at("test_batch.bin"), { shape: [3, 32, 32], preprocessing: {}, classes: 10 });
    assert.deepEqual(await all(cifar), [[9, 77]]);
    assert.equal(cifar.classNames[9], "truck");
    const generated = await openLabelled("generated", { shape: [1, 28, 28], preprocessing: {}, classes: 10 }, 3);
    assert.equal(generated.count, 3);
  });

  test("pictures of any size and colour become what the network reads", async () => {
    const set = await openLabelled(at("classes"), { ...GREY, shape: [3, 2, 2], preprocessing: { channels: "bgr" } });
    assert.equal((await set.read(0)).length, 12);
    const array = await openLabelled(at("set.npz"), { ...GREY, shape: [3, 4, 4] });
    assert.deepEqual([...(await array.read(0))], new Array(48).fill(5));
  });

  test("what has no labels is null; what is nothing is refused in words", async () => {
    put("plain/a.bmp", bmp(4, 4, 1));
    assert.equal(await openLabelled(at("plain"), GREY), null);
    assert.equal(await openLabelled(at("plain/a.bmp"), GREY), null);
    put("empty/notes.md", "nothing");
    await assert.rejects(openLabelled(at("empty"), GREY), { code: "BAD_DATA", message: /1 other entries: notes\.md/ });
    await assert.rejects(openLabelled(at("nowhere"), GREY), { code: "BAD_DATA", message: /found no folder or file/ });
    await assert.rejects(openLabelled(at("plain"), {}), { code: "BAD_OPTION" });
    put("classes/cat/broken.bmp", "BM");
    const set = await openLabelled(at("classes"), GREY);
    await assert.rejects(set.read(set.names.indexOf("cat/broken.bmp")));
  });
});

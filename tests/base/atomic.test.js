// atomic.test.js: files replaced in one step: what may stand at the target, what is kept of it, what is left behind: nothing.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { checkWritable, writeAtomically } from "../../dist/base/system.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-atomic-"));
after(() => rmSync(folder, { recursive: true }));
const skip = process.platform === "win32" && "no such files here";
const isRoot = process.getuid?.() === 0;
/** Some user who is not root. */
const NOBODY = 65534;
/** A device of one's own where that can be had: root could damage the real one. Null where neither is safe. */
const device = (() => {
  const own = join(folder, "device");
  if (!isRoot) return "/dev/null";
  return spawnSync("mknod", [own, "c", "1", "3"]).status === 0 ? own : null;
})();

const fresh = () => mkdtemp(join(folder, "t-"));
const bytes = (...values) => Uint8Array.from(values);
const modeOf = (path) => statSync(path).mode & 0o7777;

/** Runs a program with writeAtomically, checkWritable and the fs modules at hand. */
const program = (text) => [
  "--input-type=module",
  "-e",
  `import fs from "node:fs"; import { open } from "node:fs/promises";
   import { checkWritable, writeAtomically } from "${new URL("../../dist/base/system.js", import.meta.url)}";
   ${text}`,
];

const refusesBoth = async (path, ...expected) => {
  for (const act of [() => checkWritable(path), () => writeAtomically(path, bytes(1))]) {
    await assert.rejects(act(), { name: "ShiftwiseError", code: "IO", where: path, ...Object.assign({}, ...expected) });
  }
};

describe("what is no regular file is refused and stays", { skip }, () => {
  test("devices, pipes, sockets, folders", async () => {
    const own = await fresh();
    const pipe = join(own, "pipe");
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    const server = createServer().listen(join(own, "socket"));
    await new Promise((resolve) => server.on("listening", resolve));
    mkdirSync(join(own, "sub"));
    if (device) await refusesBoth(device, { found: "a device", expected: /regular file/ });
    await refusesBoth(pipe, { found: "a pipe" });
    await refusesBoth(join(own, "socket"), { found: "a socket" });
    await refusesBoth(join(own, "sub"), { found: "a folder" });
    await refusesBoth(`${join(own, "new")}/`, { found: "the name of a folder" });
    await refusesBoth("", { found: "an empty name" });
    await refusesBoth("a\0b");
    if (device) assert.ok(statSync(device).isCharacterDevice());
    assert.deepEqual((await readdir(own)).sort(), ["pipe", "socket", "sub"]);
    await new Promise((resolve) => server.close(resolve));
  });

  test("links to them, too", async () => {
    const own = await fresh();
    if (device) await symlink(device, join(own, "null"));
    await symlink(own, join(own, "loop"));
    await symlink("b", join(own, "a"));
    await symlink("a", join(own, "b"));
    if (device) await refusesBoth(join(own, "null"), { found: "a device" });
    await refusesBoth(join(own, "loop"), { found: "a folder" });
    await refusesBoth(join(own, "a"), { found: /symbolic links/ });
  });

  test("standard output, be it a file", { skip: !existsSync("/proc/self/fd") }, async () => {
    const own = await fresh();
    const text = `await writeAtomically("/dev/stdout", Uint8Array.of(1)).catch((e) => console.error(e.code, e.message));`;
    const child = spawnSync("sh", ["-c", `exec "$0" "$@" > ${join(own, "out")}`, process.execPath, ...program(text)]);
    assert.match(String(child.stderr), /^IO \/dev\/stdout: .*an open file\n$/);
    assert.deepEqual(await readdir(own), ["out"]);
  });
});

describe("links are followed", { skip }, () => {
  test("to a file, by several of them, and stay links", async () => {
    const own = await fresh();
    mkdirSync(join(own, "a"));
    mkdirSync(join(own, "b"));
    await writeFile(join(own, "b", "file"), "old");
    await symlink("../b/file", join(own, "a", "first"));
    await symlink(join("a", "first"), join(own, "second"));
    await writeAtomically(join(own, "second"), Buffer.from("new"));
    assert.equal(await readFile(join(own, "b", "file"), "utf8"), "new");
    assert.equal(await readlink(join(own, "second")), join("a", "first"));
    assert.ok((await lstat(join(own, "a", "first"))).isSymbolicLink());
    assert.deepEqual(readdirSync(join(own, "b")), ["file"]);
  });

  test("to a file that is not there yet; not into a folder that is not", async () => {
    const own = await fresh();
    mkdirSync(join(own, "a"));
    await symlink(join("a", "new"), join(own, "link"));
    await checkWritable(join(own, "link"));
    assert.deepEqual(readdirSync(join(own, "a")), []);
    await writeAtomically(join(own, "link"), bytes(7));
    assert.deepEqual([...readFileSync(join(own, "a", "new"))], [7]);
    await symlink(join("nowhere", "new"), join(own, "lost"));
    await refusesBoth(join(own, "lost"), { expected: /a folder that is there/ });
  });

  test("a folder that is a link is as good as any", async () => {
    const own = await fresh();
    mkdirSync(join(own, "deep"));
    mkdirSync(join(own, "deep", "a"));
    await symlink(join("deep", "a"), join(own, "link"));
    await symlink("../b", join(own, "deep", "a", "up"));
    await writeAtomically(join(own, "link", "up"), bytes(1));
    assert.deepEqual(readdirSync(join(own, "deep")).sort(), ["a", "b"]);
  });
});

describe("what is kept", { skip }, () => {
  test("the mode of an old file; a new one gets the umask's", async () => {
    const own = await fresh();
    const path = join(own, "file");
    for (const mode of [0o600, 0o640, 0o666, 0o755, 0o4755]) {
      await writeFile(path, "old");
      await chmod(path, mode);
      await writeAtomically(path, bytes(1, 2));
      assert.equal(modeOf(path), mode);
    }
    for (const umask of [0o077, 0o022, 0o002]) {
      rmSync(path, { force: true });
      const text = `process.umask(${umask}); await writeAtomically(${JSON.stringify(path)}, Uint8Array.of(1));`;
      assert.equal(spawnSync(process.execPath, program(text)).status, 0);
      assert.equal(modeOf(path), 0o666 & ~umask);
    }
  });

  test("owner and group", { skip: !isRoot && "only root gives files away" }, async () => {
    const path = join(await fresh(), "file");
    await writeFile(path, "old");
    chownSync(path, NOBODY, 12345);
    await chmod(path, 0o640);
    await writeAtomically(path, bytes(1));
    const { uid, gid } = statSync(path);
    assert.deepEqual([uid, gid, modeOf(path)], [NOBODY, 12345, 0o640]);
  });

  test("names: long, of many scripts, with a point in front", async () => {
    const own = await fresh();
    const names = ["x".repeat(255), "ы".repeat(127), "猫の写真 🐈.safetensors", ".hidden", "a\\b", " "];
    for (const name of names) await writeAtomically(join(own, name), bytes(1));
    assert.deepEqual(readdirSync(own).sort(), names.sort());
    await refusesBoth(join(own, "x".repeat(256)), { expected: "a shorter name" });
  });
});

test("a file or folder that may not be written is left alone, with what to do", { skip }, async () => {
  const own = await fresh();
  const locked = join(own, "locked");
  mkdirSync(locked);
  await writeFile(join(own, "read-only"), "old");
  await writeFile(join(locked, "file"), "old");
  await chmod(join(own, "read-only"), 0o444);
  await chmod(locked, 0o555);
  await chmod(join(locked, "file"), 0o666);
  await chmod(own, 0o777);
  await chmod(folder, 0o755);
  const paths = [join(own, "read-only"), join(locked, "file"), join(locked, "new")];
  const text = `${isRoot ? `process.setuid(${NOBODY});` : ""}
    for (const path of ${JSON.stringify(paths)}) {
      for (const act of [checkWritable, writeAtomically]) {
        await act(path, Uint8Array.of(1)).then(() => console.log("written"), (e) => console.log(e.code, e.expected));
      }
    }`;
  const { stdout } = spawnSync(process.execPath, program(text));
  assert.match(String(stdout), /^(IO a file and a folder, .*, that may be written.*\n){6}$/);
  for (const path of paths.slice(0, 2)) assert.equal(await readFile(path, "utf8"), "old");
  assert.deepEqual(readdirSync(locked), ["file"]);
});

test("writers at the same time: one of the contents, whole, and nothing beside it", async () => {
  const own = await fresh();
  const path = join(own, "file");
  const contents = Array.from({ length: 12 }, (_, i) => new Uint8Array(100_000).fill(i));
  await Promise.all(contents.map((content) => writeAtomically(path, content)));
  const found = await readFile(path);
  assert.equal(found.length, 100_000);
  assert.ok(found.every((value) => value === found[0]));
  assert.deepEqual(await readdir(own), ["file"]);
});

describe("a process that ends in the middle leaves no file behind", { skip }, () => {
  /** Begins to write, and stays there: its flush to the disk never ends. */
  const stuck = (path, before, after = "") => `
    const file = await open(${JSON.stringify(path)}, "w");
    const prototype = Object.getPrototypeOf(file);
    const { sync } = prototype;
    prototype.sync = () => {
      console.log("writing");
      prototype.sync = sync;
      return new Promise((go) => setTimeout(go, 500));
    };
    await file.close();
    const listeners = () => ["SIGINT", "exit"].map((name) => process.listenerCount(name)).join();
    const others = listeners();
    ${before}
    await writeAtomically(${JSON.stringify(path)}, Uint8Array.of(1));
    ${after}`;
  const run = async (before, act, after) => {
    const own = await fresh();
    const child = spawn(process.execPath, program(stuck(join(own, "file"), before, after)));
    let seen = "";
    child.stdout.on("data", (chunk) => {
      seen += chunk;
      if (seen !== "writing\n") return;
      assert.match(readdirSync(own).join(), /\.file\..*\.partial,file/);
      act(child);
    });
    const [code, signal] = await new Promise((resolve) => child.on("close", (...ended) => resolve(ended)));
    return { code, signal, left: readdirSync(own), size: statSync(join(own, "file")).size, seen };
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    test(name, async () => {
      const { signal, left, size } = await run("", (child) => child.kill(name));
      assert.deepEqual({ signal, left, size }, { signal: name, left: ["file"], size: 0 });
    });
  }
  test("exit", async () => {
    const { code, left, size } = await run("setTimeout(() => process.exit(3), 100);", () => {});
    assert.deepEqual({ code, left, size }, { code: 3, left: ["file"], size: 0 });
  });
  test("but where the program listens itself, also for one signal only, it goes on", async () => {
    const listens = `process.once("SIGINT", () => console.log("heard"));`;
    const ends = `console.log(listeners() === others);`;
    const { code, left, size, seen } = await run(listens, (child) => child.kill("SIGINT"), ends);
    assert.deepEqual({ code, left, size, seen }, { code: 0, left: ["file"], size: 1, seen: "writing\nheard\ntrue\n" });
  });
});

// commands.test.js: every command of every page runs, on small data; those that do not are in the table of docs/testing.md.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { build, floats } from "../onnx/build.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const { scripts } = JSON.parse(read("package.json"));
/** first-model.md has a test of its own, in which its commands follow one another. */
const pages = ["README.md", ...markdownIn("docs"), ...markdownIn("examples")].filter(
  (path) => !path.endsWith("first-model.md"),
);

function markdownIn(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"));
}

/** Commands as they stand in blocks, without remarks, lines that a backslash continues joined. */
function commandsOf(path) {
  const text = read(path).replace(/\\\n\s+/g, "");
  return [...text.matchAll(/^ {4}((?:npx|npm|node|python3|pip|torchrun|esbuild) .*)$/gm)].map(([, line]) =>
    line
      .replace(/\s+#.*$/, "")
      .replace(/\s+/g, " ")
      .trim(),
  );
}

/** Names on the pages that stand for others here; what is optional is left out. */
const NAMES = [
  [/ \[[^\]]*\]/g, ""],
  [/<folder>|<mnist folder>|\S*\/data\/fashion-mnist|\S*\/cifar10\/jpeg/g, "fashion-mnist"],
  [/<float network>|\S*\/float-\*\.safetensors/g, "float.safetensors"],
  [/\bexamples\/models\/fashion\/float\.safetensors/g, "float.safetensors"],
];

/** Commands that this test does not run, with the reason; the same table stands in docs/testing.md. */
const ELSEWHERE = new Map(
  [...read("docs/testing.md").matchAll(/^\| `((?:npm|node|npx|pip|torchrun|esbuild)[^`]*)` \| ([^|]+) \|/gm)].map(
    ([, command, reason]) => [command, reason],
  ),
);
const reasonFor = (command) =>
  [...ELSEWHERE.keys()].find((start) => command === start || command.startsWith(`${start} `));

const found = pages.flatMap((path) => commandsOf(path).map((command) => ({ path, command })));
const own = found.filter(({ command }) => reasonFor(command) === undefined);
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-commands-"));
  const spread = Array.from({ length: 8 * 27 }, (_, i) => Math.sin(i * 12.9) * 0.2);
  const network = build({
    x: [1, 3, 32, 32],
    constants: { w: floats([8, 3, 3, 3], spread), d: floats([10, 8]) },
    nodes: [
      ["Conv", "x w", "a"],
      ["Relu", "a", "b"],
      ["GlobalAveragePool", "b", "c"],
      ["Flatten", "c", "e"],
      ["Gemm", "e d", "y", { transB: 1 }],
    ],
  });
  for (const name of ["model.onnx", "squeezenet1.1.onnx"]) writeFileSync(join(folder, name), network);
  // weights on grids and ranges, as the PyTorch package exports them
  copyFileSync(join(root, "tests/python/powers-a8.onnx"), join(folder, "mnist.onnx"));
  for (const name of ["images", "others"]) {
    mkdirSync(join(folder, name));
    for (let n = 0; n < 9; n++) writeFileSync(join(folder, name, `${n}.png`), await picture(n));
  }
  await sharp(await picture(9))
    .jpeg()
    .toFile(join(folder, "photo.jpg"));
  mkdirSync(join(folder, "fashion-mnist"));
  for (const [set, count] of [
    ["train", 128],
    ["t10k", 20],
  ]) {
    const labels = Buffer.from(Array.from({ length: count }, (_, i) => i % 10));
    const pixels = Buffer.alloc(count * 784);
    for (let i = 0; i < pixels.length; i++)
      pixels[i] = (i % 784) % 10 === Math.floor(i / 784) % 10 ? 200 : (i * 31) % 90;
    writeFileSync(
      join(folder, `fashion-mnist/${set}-images-idx3-ubyte`),
      Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28]), pixels]),
    );
    writeFileSync(
      join(folder, `fashion-mnist/${set}-labels-idx1-ubyte`),
      Buffer.concat([Buffer.from([0, 0, 8, 1, 0, 0, 0, count]), labels]),
    );
  }
});
after(() => rmSync(folder, { recursive: true }));

function picture(n) {
  const pixels = Buffer.alloc(40 * 36 * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * (n + 3)) % 251;
  return sharp(pixels, { raw: { width: 40, height: 36, channels: 3 } })
    .png()
    .toBuffer();
}

test("every command is one that runs here, or one with a reason", () => {
  assert.ok(found.length >= 30, String(found.length));
  for (const { path, command } of own) assert.match(command, /^npx shiftwise /, `${path}: ${command}`);
  for (const start of ELSEWHERE.keys()) {
    assert.ok(
      found.some(({ command }) => reasonFor(command) === start),
      `no page has ${start} any more`,
    );
  }
  for (const { path, command } of found) {
    const [, script] = /^npm run (\S+)/.exec(command) ?? [];
    if (script) assert.ok(script in scripts, `${path}: ${command}`);
    const [, file] = /^node (\S+\.js)/.exec(command) ?? [];
    if (file) assert.ok(existsSync(join(root, file)), `${path}: ${command}`);
  }
});

test("a reason names tests that exist", () => {
  for (const [command, reason] of ELSEWHERE) {
    for (const [, file] of reason.matchAll(/`(\S+)`/g)) assert.ok(existsSync(join(root, file)), `${command}: ${file}`);
  }
});

const cli = join(root, "dist/cli/index.js");
const done = new Set();
for (const { path, command } of own) {
  const line = NAMES.reduce((text, [name, other]) => text.replace(name, other), command);
  if (done.has(line)) continue;
  done.add(line);
  test(`${path}: ${command}`, { timeout: 600_000 }, () => {
    const args = line.split(" ").slice(2);
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });
}

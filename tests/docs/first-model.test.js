// first-model.test.js: docs/first-model.md followed word by word in an empty folder: every command, file and table.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { browserTest, launch } from "../browser/chromium.js";
import { build, floats } from "../onnx/build.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(root, "docs/first-model.md"), "utf8");
/** Commands as they stand, in order. */
const commands = [...page.matchAll(/^ {4}(\S.*)$/gm)]
  .map(([, line]) => line)
  .filter((line) => /^(npx|npm|node|python3) /.test(line));
const NAMES = ["red", "green", "blue"];
let folder;

/** A network that says which colour a picture has most of, on values of 0..1. */
function network() {
  const mixed = [1, -0.5, -0.5, -0.5, 1, -0.5, -0.5, -0.5, 1];
  const spread = Array.from({ length: 8 * 27 }, (_, i) =>
    Math.floor(i / 9) % 3 === Math.floor(i / 27) % 3 ? 0.11 : 0.004 * (i % 5),
  );
  const heads = Array.from(
    { length: 24 },
    (_, i) => mixed[3 * Math.floor(i / 8) + ((i % 8) % 3)] * (1 + 0.1 * (i % 4)),
  );
  return build({
    x: [1, 3, 32, 32],
    constants: { w: floats([8, 3, 3, 3], spread), d: floats([3, 8], heads) },
    nodes: [
      ["Conv", "x w", "a", { pads: [1, 1, 1, 1] }],
      ["Relu", "a", "b"],
      ["GlobalAveragePool", "b", "c"],
      ["Flatten", "c", "e"],
      ["Gemm", "e d", "y", { transB: 1 }],
    ],
  });
}

/** A noisy picture of one colour. */
function picture(n) {
  const pixels = Buffer.from({ length: 40 * 36 * 3 }, () => 0);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i % 3 === n % 3 ? 170 : 40) + ((i * (n + 7)) % 53);
  return sharp(pixels, { raw: { width: 40, height: 36, channels: 3 } })
    .png()
    .toBuffer();
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-first-"));
  mkdirSync(join(folder, "images"));
  writeFileSync(join(folder, "model.onnx"), network());
  writeFileSync(join(folder, "names.txt"), NAMES.join("\n"));
  for (const name of NAMES) mkdirSync(join(folder, "val", name), { recursive: true });
  for (let n = 0; n < 18; n++) {
    for (const path of [`images/${n}.png`, `val/${NAMES[n % 3]}/${n}.png`])
      writeFileSync(join(folder, path), await picture(n));
  }
});
after(() => rmSync(folder, { recursive: true }));

/** Runs a command of the page; the package is the repository. */
function run(command) {
  // a minute is more than a test of the command takes
  const [program, ...args] = command.replace("--minutes 1", "--minutes 0.05").split(/\s+/);
  const cli = join(root, "dist/cli/index.js");
  const [file, all] =
    program === "npx"
      ? [process.execPath, [cli, ...args.slice(1)]]
      : [program === "node" ? process.execPath : program, args];
  const { status, stdout, stderr } = spawnSync(file, all, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, `${command}: ${stderr}`);
  return { stdout, stderr };
}

/** Writes the block that follows "Write `name`". */
function write(name) {
  const [, code] = new RegExp(
    `^Write \`${name.replace(".", "\\.")}\`[\\s\\S]*?^\`\`\`\\w+\\n([\\s\\S]*?)^\`\`\``,
    "m",
  ).exec(page);
  writeFileSync(join(folder, name), code);
}

test("every command of the page, in order", async (t) => {
  assert.ok(commands.length >= 9, commands.join("\n"));
  write("classify.mjs");
  write("index.html");
  for (const command of commands) {
    if (command.startsWith("npm install")) {
      // what npm does with the package is tested in tests/package
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(root, join(folder, "node_modules/shiftwise"), "dir");
    } else if (!command.startsWith("python3")) {
      await t.test(command, () => {
        const { stdout } = run(command);
        if (command.includes("--calibrate images --labels")) assert.match(stdout, /signal to noise/);
        if (command.includes("--data val")) assert.match(stdout, /100(\.0+)? %/);
        if (command.includes("inspect")) assert.match(stdout, /red/);
        if (command.startsWith("node classify")) assert.match(stdout, /^green: [\d.]+ %\n/);
      });
    }
  }
  assert.ok(existsSync(join(folder, "package.json")));
  const [, size] = /--size (\d+)KB/.exec(page);
  assert.ok(statSync(join(folder, "small.safetensors")).size <= 1000 * size);
});

browserTest("the page, served as it says, answers for a picture", async () => {
  const command = commands.find((line) => line.startsWith("python3"));
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  free.close();
  // another port than the page's, which may be in use here
  const [program, ...args] = command.replace(/ 8000$/, ` ${port}`).split(" ");
  const child = spawn(program, [...args, "--bind", "127.0.0.1"], { cwd: folder, stdio: "ignore" });
  const browser = await launch();
  try {
    const tab = await browser.newPage();
    const errors = [];
    tab.on("pageerror", (error) => errors.push(String(error)));
    for (let tries = 0; tries < 100; tries++) {
      if (
        await fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        )
      )
        break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await tab.goto(`http://127.0.0.1:${port}/`);
    // modules load one by one
    await tab.waitForFunction(() => document.querySelector("input").onchange, null, { timeout: 60_000 });
    await tab.setInputFiles("input", join(folder, "images/2.png"));
    await tab.waitForFunction(() => /blue: [\d.]+ %\n/.test(document.querySelector("pre").textContent), null, {
      timeout: 60_000,
    });
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    child.kill();
  }
});

// quantizer.test.js: a made-up quantizer, one file and a line in the table, is taken and listed by every command.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDataset } from "../../dist/data/index.js";
import { encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import { shiftwise, shiftwiseJson, temporaryFolder, writeIdxFolder } from "./helpers.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MADE_UP = `// made-up.js: the sign of a weight, three times the mean of the layer.
import { integerFit } from "../quantizer.js";
export const madeUp = {
  name: "made-up",
  about: "-3 a, 3 a",
  bits: [1],
  fit(weights, layer) {
    const mean = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
    return integerFit([-3, 3], Uint8Array.from(weights, (w) => Number(w >= 0)), mean, layer);
  },
};
`;

describe("a quantizer that is one file and a line in the table", () => {
  const folder = temporaryFolder();
  const [data, net, out] = ["data", "float.safetensors", "out.safetensors"].map((name) => join(folder, name));
  const command = join(folder, "dist", "cli", "index.js");
  const run = (...words) => shiftwiseJson(words, command);
  const common = ["--data", data, "--threads", 1, "--batch", 40];
  const isMadeUp = (path) => {
    const weights = decodeModel(new Uint8Array(readFileSync(path))).layers.flatMap((layer) => layer.weights ?? []);
    return weights.every(({ levels }) => levels.join() === "-3,3");
  };

  before(async () => {
    cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
    cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const quantizers = join(folder, "dist", "quantize", "quantizers");
    writeFileSync(join(quantizers, "made-up.js"), MADE_UP);
    const table = readFileSync(join(quantizers, "index.js"), "utf8");
    const changed = table.replace("const ALL = [", 'import { madeUp } from "./made-up.js";\nconst ALL = [madeUp, ');
    assert.notEqual(changed, table);
    writeFileSync(join(quantizers, "index.js"), changed);
    mkdirSync(data);
    writeIdxFolder(data);
    const { train } = await openDataset(data, { classes: 10 });
    writeFileSync(net, encodeNetwork(freshNetwork("demo", train, 1, 4)));
  });

  test("stands in --help of both commands", async () => {
    for (const name of ["quantize", "compare"]) {
      const { stdout } = await shiftwise([name, "--help"], () => {}, command);
      assert.match(stdout.replaceAll(/\s+/g, " "), /: .*\bmade-up, powers, powers-paper, two-term/, name);
    }
  });

  test("rounds with compensation", async () => {
    const images = join(data, "train-images-idx3-ubyte");
    const words = ["--calibrate", images, "--range", 1, "--two-term", "none", "--bits", 1, "--levels", "made-up"];
    const { layers } = await run("quantize", net, ...words, "--out", out);
    assert.ok(layers.every(({ bits, more }) => bits === 1 && more.bits === 2));
    assert.ok(isMadeUp(out));
  });

  test("is retrained in the portions of INQ", async () => {
    const words = ["--levels", "made-up", "--bits", 1, "--portions", ".5,1", "--epochs", 1, "--compensate", 0];
    await run("quantize", net, ...common, ...words, "--out", out);
    assert.ok(isMadeUp(out));
  });

  test("is compared with others, straight through and in the portions of INQ", async () => {
    const page = join(folder, "compare.html");
    const words = ["--methods", "made-up:1/8@0,made-up:1/8,inq-made-up:1/8", "--epochs", 1, "--models", folder];
    const { rows } = await run("compare", "--net", net, ...common, ...words, "--out", page);
    assert.deepEqual(
      rows.map(({ weightBits }) => weightBits),
      [32, 1, 1, 1],
    );
    for (const name of ["made-up_1_8", "made-up_1_8_0", "inq-made-up_1_8"]) {
      assert.ok(isMadeUp(join(folder, `${name}.safetensors`)), name);
    }
  });
});

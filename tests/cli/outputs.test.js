// outputs.test.js: what commands write replaces neither what they read nor another result.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { checkOutputs, READ } from "../../dist/cli/outputs.js";
import { generate } from "../../dist/data/index.js";
import { encodeNetwork, lower } from "../../dist/graph/index.js";
import { packModel } from "../../dist/model/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import { assertFails, shiftwise, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
const at = (name) => join(folder, name);
const put = (name, bytes) => {
  writeFileSync(at(name), bytes);
  return at(name);
};
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  "base64",
);

describe("options of the commands", () => {
  const network = at("float.safetensors");
  const model = at("model.safetensors");
  before(() => {
    const float = freshNetwork("demo", generate({ train: 10, test: 10 }).train, 1, 4);
    put("float.safetensors", encodeNetwork(float));
    put("model.safetensors", packModel(lower(float, { grids: null })));
  });

  /** Commands with outputs: their words, the options that name a result, and what else they need. */
  const commands = [
    ["train", [], ["out"], ["--data", "generated"]],
    ["quantize", [network], ["out", "report"], ["--calibrate", "nothing"]],
    ["quantize", [network], ["out", "report"], ["--data", "generated"]],
    ["compare", [], ["out", "report"], ["--data", "generated", "--net", network]],
    ["eval", [model], ["report"], ["--against", network, "--calibrate", "nothing"]],
    ["diff", [network, model], ["report"], ["--calibrate", "nothing"]],
    ["export", [model], ["onnx"], []],
    ["demo", [], ["out"], []],
    ["calibrate-costs", [], ["out"], []],
  ];
  const has = (args, option) => args.includes(`--${option}`);

  test("each option that names a file is known as read or as written", async () => {
    for (const [name, , written] of commands) {
      const { stdout } = await shiftwise([name, "--help"]);
      const options = [...stdout.matchAll(/^ {2}--([a-z-]+) <(file|folder|path|network)>/gm)].map(
        ([, option]) => option,
      );
      assert.ok(options.length > 0, name);
      // models are kept in a folder that the command fills
      const unknown = options.filter((option) => ![...READ, ...written, "models"].includes(option));
      assert.deepEqual(unknown, [], name);
    }
  });

  for (const [name, networks, outputs, others] of commands) {
    for (const written of outputs) {
      test(`${name} ${others.join(" ")}: --${written}`, async () => {
        const { stdout } = await shiftwise([name, "--help"]);
        const known = READ.filter((option) =>
          new RegExp(`^ {2}--${option} <(file|folder|path|network)>`, "m").test(stdout),
        );
        const rival = put("rival.txt", "one\ntwo\n");
        const rest = name === "quantize" && written !== "out" ? ["--out", at("other")] : [];
        const command = [name, ...networks, ...rest];
        for (const option of known) {
          const own = [...command, ...others];
          if (has(own, option)) own[own.indexOf(`--${option}`) + 1] = rival;
          else own.push(`--${option}`, rival);
          // a way of quantizing of its own, and a set in place of samples
          if (option === "data" && has(own, "calibrate")) own.splice(own.indexOf("--calibrate"), 2);
          if (option === "calibrate" && has(own, "data")) own.splice(own.indexOf("--data"), 2);
          if (option === "costs" && has(own, "data")) continue;
          await assertFails(
            [...own, `--${written}`, rival],
            "BAD_OPTION",
            /rival\.txt: the file that is read would be/,
          );
        }
        for (const path of networks) {
          const own = [...command, ...others, `--${written}`, path];
          await assertFails(own, "BAD_OPTION", /the file that is read would be replaced/);
        }
        assert.equal(readFileSync(rival, "utf8"), "one\ntwo\n");
      });
    }
  }

  test("two results of the same name, the checkpoint among them", async () => {
    for (const images of [
      ["--calibrate", "nothing"],
      ["--data", "generated"],
    ]) {
      const quantize = ["quantize", network, ...images, "--out", at("both")];
      await assertFails([...quantize, "--report", at("./both")], "BAD_OPTION", /both: two results in one file/);
      await assertFails([...quantize, "--report", at("both.checkpoint")], "BAD_OPTION", /two results in one file/);
    }
    const compare = ["compare", "--data", "generated", "--net", network, "--methods", "inq:3/8", "--models", folder];
    const kept = at("inq_3_8.safetensors");
    await assertFails([...compare, "--out", kept], "BAD_OPTION", /two results in one file/);
    await assertFails(
      [...compare.with(4, kept), "--out", at("page.html")].with(4, put("inq_3_8.safetensors", readFileSync(network))),
      "BAD_OPTION",
      /inq_3_8\.safetensors: the file that is read would be replaced/,
    );
  });
});

describe("what is read", () => {
  const refused = (written, options, networks = []) =>
    assert.rejects(checkOutputs(written, options, networks), { code: "BAD_OPTION", message: /would be replaced/ });
  const taken = (written, options, networks = []) => checkOutputs(written, options, networks);

  before(() => {
    for (const name of ["pics", "pics/inner", "linked", "elsewhere"]) mkdirSync(at(name));
    put("pics/0.png", PNG);
    put("pics/inner/1.png", PNG);
    put("pics/blob", PNG);
    put("elsewhere/2.png", PNG);
    symlinkSync(at("elsewhere"), at("linked/more"));
    symlinkSync(at("elsewhere/2.png"), at("pics/by-link.png"));
    symlinkSync(at("pics"), at("pics/inner/around"));
  });

  for (const option of ["calibrate", "data", "val"]) {
    test(`files of the folder of --${option}, through links too, but not a result of an earlier run`, async () => {
      for (const name of [
        "pics/0.png",
        "pics/inner/1.png",
        "pics/blob",
        "pics/inner/around/0.png",
        "elsewhere/2.png",
      ]) {
        await refused([at("fresh"), at(name)], { [option]: at("pics") });
      }
      await refused([at("elsewhere/2.png")], { [option]: at("linked") });
      await taken([at("elsewhere/2.png")], { [option]: at("pics/inner/1.png") });
      await taken([at("pics/new.png"), undefined], { [option]: at("pics") });
      put("pics/page.html", "<!doctype html>");
      put("pics/empty", "");
      const float = freshNetwork("demo", generate({ train: 10, test: 10 }).train, 1, 4);
      put("pics/model.safetensors", packModel(lower(float, { grids: null })));
      await taken([at("pics/page.html"), at("pics/empty"), at("pics/model.safetensors")], { [option]: at("pics") });
    });
  }

  test("an array of a file, pictures of a table, data beside an ONNX file, a link to what is not there", async () => {
    const npz = put("many.npz", "PK\x03\x04");
    await refused([npz], { calibrate: `${npz}#x` });
    const table = put("table.csv", "file,label\n0.png,cat\nelsewhere/2.png,dog\n");
    await refused([at("elsewhere/2.png")], { data: table });
    await refused([at("pics/0.png")], { data: table });
    await taken([at("pics/blob")], { data: table });
    // as an ONNX file begins, with the name of other data
    const onnx = put(
      "net.onnx",
      Buffer.concat([Buffer.from([8, 7, 18, 2, 112, 113, 58, 20]), Buffer.from("...weights.bin......")]),
    );
    const weights = put("weights.bin", Buffer.from([1, 2, 3]));
    await refused([weights], {}, [onnx]);
    await taken([put("other.bin", Buffer.from([1, 2, 3]))], {}, [onnx]);
    symlinkSync(at("later"), at("dangling"));
    await assert.rejects(checkOutputs([at("dangling"), at("later")]), { message: /two results in one file/ });
    rmSync(at("dangling"));
  });
});

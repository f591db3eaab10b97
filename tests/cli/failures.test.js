// failures.test.js: what bad input gets: one line that says what and where, status 1, nothing written.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { generate } from "../../dist/data/index.js";
import { encodeNetwork, lower } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import { assertFails, COMMAND, shiftwise, temporaryFolder, writeIdxFolder } from "./helpers.js";

describe("bad input", () => {
  const folder = temporaryFolder();
  const at = (name) => join(folder, name);
  const data = at("data");
  const float = at("float.safetensors");
  const model = at("model.safetensors");
  const put = (name, bytes) => {
    writeFileSync(at(name), bytes);
    return at(name);
  };

  before(() => {
    mkdirSync(data);
    writeIdxFolder(data);
    const network = freshNetwork("demo", generate({ train: 10, test: 10 }).train, 1, 4);
    put("float.safetensors", encodeNetwork(network));
    put("model.safetensors", encodeModel(lower(network, { grids: null })));
  });

  describe("usage", () => {
    const cases = [
      [["frobnicate"], /no such command; expected demo, .*found frobnicate/],
      [["frobnicate", "--help"], /no such command.*found frobnicate/],
      [["help", "frobnicate"], /no such command.*found frobnicate/],
      [["train", "--data", "x", "--out", "y", "--frobnicate"], /unknown option '--frobnicate'/],
      [["train", "--out", "x"], /'--data <path>' not specified/],
      [["eval", "--data", "x"], /missing required argument 'model'/],
      [["demo", "--bits", "6"], /--bits 6: .*expected 2, 3, 4 or 5; found 6/],
      [["demo", "--bits", "1"], /expected 2, 3, 4 or 5; found 1/],
      [["demo", "--bits", "5.0"], /--bits 5.0/],
      [["demo", "--activations", "9"], /--activations: .*found 9/],
      [["demo", "--activations", "log1"], /--activations: .*found log1/],
      [["demo", "--seed", "1e3"], /--seed: .*found 1e3/],
      [["demo", "--threads", "0"], /--threads: .*found 0/],
      [["train", "--data", "x", "--out", "y", "--lr", "-1"], /--lr: .*found -1/],
      [["train", "--data", "x", "--out", "y", "--width", "5"], /--width: .*expected an even integer; found 5/],
      [
        ["train", "--data", "x", "--out", "y", "--net", "lenet"],
        /--net: .*expected demo or resnet20 or vgg; found lenet/,
      ],
      [["train", "--data", "x", "--out", "y", "--augment", "zoom"], /--augment: .*found zoom/],
      [
        ["quantize", "n", "--data", "x", "--out", "y", "--bits", "7"],
        /expected 2 to 5 with --levels powers-paper; found 7/,
      ],
      [["quantize", "n", "--data", "x", "--out", "y", "--portions", ".5,.4,1"], /portions\[1\]: .*found 0.4/],
      [["quantize", "n", "--data", "x", "--out", "y", "--portions", ".5"], /the last portion must be 1/],
      [["quantize", "n", "--data", "x", "--out", "y", "--partition", "best"], /--partition: .*found best/],
      [["eval", "m", "--data", "x", "--executor", "gpu"], /--executor: .*found gpu/],
    ];
    for (const [args, pattern] of cases) {
      test(args.join(" "), async () => {
        const lines = await assertFails(args, "BAD_OPTION", pattern);
        assert.equal(lines.length, 1);
      });
    }

    test("no command prints help on standard error", async () => {
      const { status, stdout, stderr } = await shiftwise([]);
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^Usage: shiftwise/);
    });
  });

  describe("model files", () => {
    const commands = [
      ["inspect", (file) => ["inspect", file]],
      ["profile", (file) => ["profile", file]],
      ["eval", (file) => ["eval", file, "--data", data]],
      ["quantize", (file) => ["quantize", file, "--data", data, "--out", at("never.safetensors")]],
    ];
    const failing = (what, code, make, ...patterns) => {
      for (const [name, args] of commands) {
        test(`${name}: ${what}`, async () => {
          const file = make(name === "quantize" ? readFileSync(float) : readFileSync(model), name);
          const expected = typeof code === "string" ? code : code(name);
          const lines = await assertFails(
            args(file),
            expected,
            new RegExp(file.replaceAll(/[\\.]/g, "\\$&")),
            ...patterns,
          );
          assert.equal(lines.length, 1);
        });
      }
    };
    failing("missing", "IO", () => at("missing.safetensors"), /no such file/);
    failing("a folder", "IO", () => data);
    failing("empty", "BAD_FILE", (_bytes, name) => put(`empty-${name}`, ""), /(found|but) an empty file/);
    failing("truncated", "TRUNCATED", (bytes, name) => put(`cut-${name}`, bytes.subarray(0, bytes.length - 1)));
    failing("one bit flipped", "CHECKSUM", (bytes, name) => {
      bytes[bytes.length - 5] ^= 4;
      return put(`flipped-${name}`, bytes);
    });
    failing("foreign", "BAD_FILE", (_bytes, name) =>
      put(`foreign-${name}`, "this is a text, not a model file\n".repeat(9)),
    );

    test("what another file is", async () => {
      const kinds = [
        ["<!doctype html><title>404</title>", /an HTML page: /],
        ["version https://git-lfs.github.com/spec/v1\noid sha256:00", /a Git LFS pointer, .*git lfs pull/],
        ["PK\x03\x04 and so on", /expected an ONNX file, a model .*; found a ZIP archive: unpack/],
        ["PK\x03\x04 archive/data.pkl", /a PyTorch checkpoint .*torch.onnx.export/],
        ["\x1c\0\0\0TFL3 and so on", /a TensorFlow Lite model: .*tf2onnx/],
        ["", /an empty file/],
        [Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]), /found a picture \(PNG\)/],
      ];
      for (const [content, pattern] of kinds) {
        const lines = await assertFails(
          ["inspect", put("other", content)],
          "BAD_FILE",
          /not a file of shiftwise/,
          pattern,
        );
        assert.equal(lines.length, 1);
      }
      // the beginning of an ONNX network, which inspect reads
      const cut = put("other", "\b\x07\x12\x07pytorch\x1a\x051.8.0");
      await assertFails(["inspect", cut], "BAD_FILE", /expected a graph; found none/);
      await assertFails(["compare", "--net", cut, "--data", data], "BAD_FILE", /expected a graph; found none/);
    });

    test("quantize refuses a model, which has no float weights to train", async () => {
      const args = ["quantize", model, "--data", data, "--out", at("never.safetensors")];
      await assertFails(args, "BAD_FILE", /: not a float network; .*found a finished model, whose/);
      const images = ["--calibrate", data, "--out", at("never.safetensors")];
      const lines = await assertFails(["quantize", model, ...images], "BAD_FILE", /found a finished model, whose/);
      assert.doesNotMatch(lines.join(), /__metadata__/);
      await assertFails(["compare", "--net", model, "--data", data], "BAD_FILE", /not a float network/);
    });

    test("a file that is not there is said once, in words", async () => {
      await assertFails(
        ["eval", at("nowhere"), "--data", data],
        "IO",
        /cannot read the file; found no such file or directory$/,
      );
    });
  });

  describe("data sets", () => {
    const failing = (what, code, change, ...patterns) => {
      test(what, async () => {
        const broken = at(what.replaceAll(" ", "-"));
        mkdirSync(broken);
        writeIdxFolder(broken, change);
        await assertFails(["eval", model, "--data", broken], code, ...patterns);
        const out = at("never.safetensors");
        await assertFails(["train", "--data", broken, "--out", out], code, ...patterns);
      });
    };
    const changing = (file, change) => (name, bytes) => (name === file ? change(bytes) : bytes);
    failing(
      "wrong magic",
      "BAD_DATA",
      changing("train-images-idx3-ubyte", (bytes) => Buffer.concat([Buffer.from([0, 0, 9]), bytes.subarray(3)])),
      /train-images-idx3-ubyte: magic: .*expected 0x00000803; found 0x00000903/,
    );
    failing(
      "images cut short",
      "TRUNCATED",
      changing("t10k-images-idx3-ubyte", (bytes) => bytes.subarray(0, bytes.length - 1)),
      /t10k-images-idx3-ubyte: .*expected 47056 bytes; found 47055 bytes/,
    );
    failing(
      "bytes left over",
      "BAD_DATA",
      changing("t10k-labels-idx1-ubyte", (bytes) => Buffer.concat([bytes, Buffer.from([0])])),
      /t10k-labels-idx1-ubyte: .*expected 68 bytes; found 69 bytes/,
    );
    failing(
      "label outside the classes",
      "BAD_DATA",
      changing("train-labels-idx1-ubyte", (bytes) => {
        bytes[8 + 17] = 10;
        return bytes;
      }),
      /train-labels-idx1-ubyte: label 17: .*expected 0\.\.9; found 10/,
    );

    test("no such folder", async () => {
      await assertFails(["eval", model, "--data", at("nowhere")], "BAD_DATA", /nowhere: .*found no folder/);
      const file = join(data, "train-images-idx3-ubyte");
      await assertFails(["train", "--data", file, "--out", at("never")], "BAD_DATA", /found a file: name the folder/);
      await assertFails(["eval", model, "--data", join(file, "x")], "BAD_DATA", /found not a directory/);
    });

    test("images of another size than the model's", async () => {
      const small = at("small");
      mkdirSync(small);
      writeIdxFolder(small, (name, bytes) => {
        if (!name.includes("images")) return bytes;
        // 28x28 as 14x56: the same bytes under another shape
        bytes.writeUInt32BE(14, 8);
        bytes.writeUInt32BE(56, 12);
        return bytes;
      });
      const args = ["quantize", float, "--data", small, "--out", at("never.safetensors")];
      await assertFails(args, "BAD_DATA", /expected 1x28x28; found 1x14x56/);
    });

    test("fewer images than a batch", async () => {
      const args = ["train", "--data", data, "--out", at("never.safetensors"), "--batch", "201"];
      await assertFails(args, "BAD_OPTION", /--batch: .*expected 200 or fewer; found 201/);
    });
  });

  describe("unwritable outputs are found before the work begins", () => {
    const outputs = [
      ["in a folder that is not there", () => join(folder, "nowhere", "out.safetensors")],
      ["a folder", () => data],
      ["behind a file", () => join(model, "out.safetensors")],
    ];
    for (const [what, path] of outputs) {
      test(what, async () => {
        // the data set is missing too: had the output not been looked at first, the error would be about that
        const wrong = at("nowhere");
        await assertFails(["train", "--data", wrong, "--out", path()], "IO", /cannot write the file/);
        await assertFails(["quantize", float, "--data", wrong, "--out", path()], "IO", /cannot write the file/);
        const lines = await assertFails(["demo", "--out", path()], "IO", /cannot write the file/);
        assert.equal(lines.length, 1);
      });
    }
  });

  test("predict: an array in place of a picture is told the ways that take arrays", async () => {
    const array = put("x.npy", Buffer.from("\x93NUMPY\x01\0v\0{}", "latin1"));
    await assertFails(["predict", model, array], "BAD_DATA", /eval --against .*takes arrays.*found a NumPy array/);
  });

  describe("outputs that would be lost, or lose something", () => {
    test("a pipe, and a dash", { skip: process.platform === "win32" }, async () => {
      const pipe = at("pipe");
      assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
      for (const command of [
        ["export", model, "--onnx"],
        ["quantize", float, "--calibrate", data, "--out"],
      ]) {
        await assertFails([...command, pipe], "IO", /pipe: .*expected a regular file.*; found a pipe/);
        await assertFails([...command, "-"], "BAD_OPTION", /-: .*expected the name of a file/);
      }
    });

    test("the file that is read, under whatever name", async () => {
      const link = at("link.safetensors");
      symlinkSync(float, link);
      const bytes = readFileSync(float);
      for (const out of [float, join(folder, ".", "data", "..", "float.safetensors"), link]) {
        await assertFails(["quantize", float, "--data", data, "--out", out], "BAD_OPTION", /would be replaced/);
        await assertFails(["quantize", float, "--calibrate", data, "--out", out], "BAD_OPTION", /would be replaced/);
        await assertFails(["export", float, "--onnx", out], "BAD_OPTION", /would be replaced/);
        await assertFails(["compare", "--data", data, "--net", float, "--out", out], "BAD_OPTION", /would be replaced/);
      }
      assert.deepEqual(readFileSync(float), bytes);
    });

    test("a checkpoint or a kept model where a folder stands, models in a file", async () => {
      const out = at("blocked");
      mkdirSync(`${out}.checkpoint`);
      await assertFails(["train", "--data", data, "--out", out], "IO", /blocked\.checkpoint: .*found a folder/);
      await assertFails(
        ["quantize", float, "--data", data, "--out", out],
        "IO",
        /blocked\.checkpoint: .*found a folder/,
      );
      rmdirSync(`${out}.checkpoint`);
      const compare = ["compare", "--data", data, "--net", float, "--out", at("never.html"), "--methods", "inq:3/8@0"];
      await assertFails([...compare, "--models", model], "IO", /model\.safetensors: cannot make the folder/);
      mkdirSync(at("kept/inq_3_8_0.safetensors"), { recursive: true });
      await assertFails([...compare, "--models", at("kept")], "IO", /inq_3_8_0\.safetensors: .*found a folder/);
    });
  });

  test("--resume without a checkpoint", async () => {
    const out = at("never.safetensors");
    await assertFails(["train", "--data", data, "--out", out, "--resume"], "IO", /no checkpoint to resume from/);
    const calibrated = ["quantize", float, "--calibrate", data, "--out", out, "--resume"];
    await assertFails(calibrated, "IO", /no checkpoint to resume from/);
  });

  test("--json fails as quietly on standard output", async () => {
    await assertFails(["inspect", at("missing.safetensors"), "--json"], "IO");
  });

  test("--verbose adds the stack", async () => {
    const { status, stderr } = await shiftwise(["inspect", at("missing.safetensors"), "--verbose"]);
    assert.equal(status, 1);
    assert.match(stderr, /^error IO: /);
    assert.match(stderr, /^ {4}at .*dist\/cli\/files\.js/m);
  });

  describe("output that cannot be written", () => {
    /** Every command, with what makes it write to standard output. */
    const lines = [
      ["--help"],
      ["--version"],
      ...["demo", "train", "quantize", "eval", "export", "inspect", "profile", "compare", "calibrate-costs"].map(
        (name) => [name, "--help"],
      ),
      ["inspect", model],
      ["inspect", model, "--json"],
      ["profile", model, "--runs", "1"],
      ["eval", model, "--data", data],
      ["export", model, "--onnx", at("exported.onnx")],
    ];

    test("a reader that goes away ends it with 141 and without a word", async () => {
      for (const args of lines) {
        const { status, stderr } = await shiftwise(args, (child) => child.stdout.destroy());
        const words = stderr.replaceAll(/^(profiling|evaluating|measuring|demo|.*): .*\n/gm, "");
        assert.deepEqual({ status, words }, { status: 141, words: "" }, args.join(" "));
        assert.doesNotMatch(stderr, /error/);
      }
    });

    test("a full disk is an error", { skip: !existsSync("/dev/full") }, () => {
      for (const args of lines) {
        const full = openSync("/dev/full", "w");
        const stdio = ["ignore", full, "pipe"];
        const { status, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { stdio });
        closeSync(full);
        assert.equal(status, 1, args.join(" "));
        assert.match(String(stderr), /^error IO: standard output: cannot write; found no space left on device.*\n$/m);
        assert.equal(String(stderr).match(/^error/gm).length, 1);
      }
    });

    test("a stream that nobody wanted from the start takes everything", { skip: process.platform === "win32" }, () => {
      for (const streams of [">&-", "2>&-", ">&- 2>&-", "<&-", ">/dev/null"]) {
        const line = `"${process.execPath}" "${COMMAND}" inspect "${model}" ${streams}`;
        assert.equal(spawnSync("sh", ["-c", line]).status, 0, streams);
        const missing = `"${process.execPath}" "${COMMAND}" inspect "${at("missing.safetensors")}" ${streams}`;
        assert.equal(spawnSync("sh", ["-c", missing]).status, 1, streams);
      }
    });
  });

  test("a demo without a folder for its file fails before it trains", () => {
    const env = { ...process.env, TMPDIR: at("no-such-folder"), TEMP: at("no-such-folder"), TMP: at("no-such-folder") };
    const { status, stderr } = spawnSync(process.execPath, [COMMAND, "demo"], { env });
    assert.equal(status, 1);
    assert.match(String(stderr), /^error IO: .*no-such-folder.*\n$/);
  });

  test("nothing was written in all these cases", () => {
    const rests = readdirSync(folder, { recursive: true }).filter((name) => /never|partial|checkpoint/.test(name));
    assert.deepEqual(rests, []);
  });
});

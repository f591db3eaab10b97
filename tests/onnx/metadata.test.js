// metadata.test.js: how pixels become a model's input, and how its classes are called, where the file's metadata says it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { exportOnnx, importOnnx } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { message } from "./build.js";

/** The normalization that a model with such metadata gets, and what is remarked. */
function imported(metadata, options = {}, x = [1, 3, 4, 4], inputs = []) {
  const nodes = inputs.length > 0 ? [["Add", "x z", "y"]] : [["Relu", "x", "y"]];
  const proto = message({ nodes, x, inputs });
  proto.metadataProps = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  const remarks = [];
  const onRemark = (text) => remarks.push(text);
  const network = importOnnx(encodeMessage("ModelProto", proto), { ...options, onRemark });
  return { normalization: network.nodes[0].normalization, remarks, network };
}

test("mean and std in any spelling, of pixels / 255 or of pixels", () => {
  const expected = { mean: [0.5, 0.25, 0.125], std: [0.5, 0.25, 1] };
  for (const [mean, std] of [
    ["[0.5, 0.25, 0.125]", "[0.5, 0.25, 1]"],
    ["(0.5,0.25,0.125)", "0.5, 0.25, 1.0"],
    ["127.5, 63.75, 31.875", "127.5, 63.75, 255"],
  ]) {
    const { normalization, remarks } = imported({ mean, std });
    assert.deepEqual(normalization, expected);
    assert.deepEqual(remarks, ["input x: takes pixels as the file's metadata says (mean, std)"]);
  }
});

test("Ultralytics' networks take 0..1", () => {
  const said = { author: "Ultralytics", task: "detect", imgsz: "[640, 640]" };
  assert.deepEqual(imported(said).normalization, { mean: [0, 0, 0], std: [1, 1, 1] });
  assert.equal(imported(said, {}, [1, 8, 4, 4]).normalization, undefined);
});

test("what our own export writes is read again", () => {
  const normalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] };
  const { network } = imported({}, { normalization });
  const again = importOnnx(exportOnnx(lower(network, { grids: null }), { form: "float32" }));
  assert.deepEqual(again.nodes[0].normalization, normalization);
});

test("what an option says goes first; what does not fit is passed over", () => {
  const normalization = { mean: [1, 1, 1], std: [1, 1, 1] };
  assert.deepEqual(imported({ author: "Ultralytics" }, { normalization }).normalization, normalization);
  for (const wrong of [
    { mean: "0.5, 0.5", std: "1, 1" },
    { mean: "x", std: "1" },
    { mean: "0", std: "0" },
    { mean: "0" },
    { "x.normalization": "{" },
    { "x.normalization": "null" },
    { "x.normalization": '{"mean":[1]}' },
    { author: "somebody" },
  ]) {
    assert.equal(imported(wrong).normalization, undefined, JSON.stringify(wrong));
  }
  assert.equal(imported({ author: "Ultralytics" }, {}, [1, 3, 4, 4], [["z", [1, 3, 4, 4]]]).normalization, undefined);
});

test("names of classes in any spelling, where they fit", () => {
  const named = ["cat", "dog"];
  const vector = [1, 2, 1, 1];
  for (const metadata of [
    { names: "{0: 'cat', 1: 'dog'}" },
    { classes: '["cat", "dog"]' },
    { classes: "cat, dog" },
    { labels: "cat\ndog" },
    { id2label: '{"0": "cat", "1": "dog"}' },
  ]) {
    const { network, remarks } = imported(metadata, {}, vector);
    assert.deepEqual(network.labels, named, JSON.stringify(metadata));
    assert.match(remarks.at(-1), /2 classes are called as the file's metadata says/);
  }
  for (const metadata of [{ names: "cat" }, { names: "{0:" }, { classes: "a,b,c" }, { names: "" }, {}]) {
    assert.equal(imported(metadata, {}, vector).network.labels, undefined, JSON.stringify(metadata));
  }
  // boxes of a detector say nothing about the number of its classes
  assert.deepEqual(imported({ names: "{0: 'cat', 1: 'dog'}" }).network.labels, named);
  assert.deepEqual(imported({ names: "['a', 'b']" }, { labels: named }, vector).network.labels, named);
});

test("an exported file says the names of its classes, whatever becomes of its graph", () => {
  const { network } = imported({ names: "{0: 'cat', 1: 'dog, hot'}" }, {}, [1, 2, 1, 1]);
  const bytes = exportOnnx(lower(network, { grids: null }), { form: "float32" });
  assert.deepEqual(importOnnx(bytes).labels, ["cat", "dog, hot"]);
});

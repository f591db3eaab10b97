// fuzz.test.js: the campaign itself: nothing is left out of it, and a case is the same wherever it is run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ENTRIES } from "./calls/entries.js";
import { describe } from "./case.js";
import { makeModel } from "./models/generate.js";
import { LAYERS } from "./models/layers.js";
import { OPERATORS } from "./onnx/operators.js";
import {
  CATALOG,
  data,
  format,
  graph,
  LAYERS as KINDS,
  onnx,
  pipeline,
  quantize,
  training,
  validateModel,
} from "./project.js";
import { TARGETS } from "./targets.js";

test("every kind of layer and every ONNX operator has a generator", () => {
  assert.deepEqual(Object.keys(LAYERS).sort(), Object.keys(KINDS).sort());
  assert.deepEqual(Object.keys(OPERATORS).sort(), Object.keys(CATALOG).sort());
});

/** Public functions without an entry: they write files, read folders as others do, or run what others check. */
const WITHOUT = [
  ...["checkWritable", "writeAtomically", "loadCifarFolder", "loadTarFolder", "openCalibrations"],
  ...["buildNetwork", "createHistogram", "budgetBits", "calibrate", "compensate", "distill", "activations"],
  ...["layerSensitivity", "prune", "retrainStraightThrough", "readParameters", "readStatistics", "writeParameters"],
];

test("every public function is called with wrong values", () => {
  const doors = { data, graph, model: format, onnx, pipeline, quantize, training };
  for (const [room, names] of Object.entries(doors)) {
    const door = readFileSync(new URL(`../../src/${room}/index.ts`, import.meta.url), "utf8");
    const [, internal = ""] = door.split("// for the other rooms");
    const functions = Object.entries(names).flatMap(([own, value]) =>
      typeof value === "function" && /^[a-z]/.test(own) && !new RegExp(`\\b${own}\\b`).test(internal) ? [own] : [],
    );
    assert.deepEqual(
      functions.filter((own) => !(own in ENTRIES) && !WITHOUT.includes(own)),
      [],
    );
  }
});

test("a case follows from seed, target and number alone", () => {
  for (const target of TARGETS) {
    assert.deepEqual(describe(target, 3, 17), describe(target, 3, 17));
    assert.notDeepEqual(describe(target, 3, 17), describe(target, 3, 18));
    assert.notDeepEqual(describe(target, 3, 17), describe(target, 4, 17));
  }
});

test("random models are valid and have every kind of layer, encoding, codebook and window", () => {
  const found = new Set();
  const [models] = TARGETS;
  for (let number = 0; number < 1000; number++) {
    const { def, threads } = makeModel(describe(models, 1, number));
    validateModel(def);
    found.add(`${threads} threads`);
    for (const { encoding, shape } of Object.values(def.tensors)) {
      found.add(encoding.kind);
      if (encoding.kind === "linear" && encoding.zero > 0) found.add("zero point");
      if (shape[1] * shape[2] > 64) found.add("more than a tile");
    }
    for (const layer of def.layers) {
      found.add(layer.op);
      if (layer.residual && layer.op === "conv") found.add("residual");
      if (layer.groups > 1) found.add("groups");
      if (layer.gains) found.add("gains");
      if (layer.padding && layer.padding[0] !== layer.padding[2]) found.add("asymmetric padding");
      if (layer.dilation?.some((d) => d > 1)) found.add(`dilated ${layer.op}`);
      if (layer.weights) found.add(`${layer.weights.kind} ${layer.weights.bits ?? ""}`.trim());
      if (layer.weights?.kind === "codebook")
        found.add(`${layer.weights.levels.length > 64 ? "wide" : "narrow"} codebook`);
      if (layer.epilogue?.clamp.high !== undefined) found.add("clamp");
    }
  }
  const wanted = [
    ...Object.keys(LAYERS),
    "1 threads",
    "2 threads",
    "float32",
    "linear",
    "levels",
    "zero point",
    "more than a tile",
    "residual",
    "groups",
    "asymmetric padding",
    "dilated conv",
    "dilated maxPool",
    "codes 2",
    "codes 3",
    "codes 4",
    "codes 5",
    "codebook",
    "wide codebook",
    "narrow codebook",
    "float32",
    "clamp",
    "gains",
  ];
  assert.deepEqual(
    wanted.filter((name) => !found.has(name)),
    [],
  );
});

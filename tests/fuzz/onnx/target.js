// target.js: ONNX models, valid and changed by field or byte: what is imported computes what the evaluator computes.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { typed } from "../case.js";
import { assertAgreement } from "../models/agree.js";
import { workOf } from "../models/work.js";
import { mutateBytes, mutateTree } from "../mutate.js";
import { decodeMessage, elements, evaluateModel, importOnnx, lower, readModel } from "../project.js";
import { createDraws, drawFrom, tape } from "../tape.js";
import { createBuilder, encode } from "./builder.js";
import { OPERATORS } from "./operators.js";

const MEMORY_LIMIT = 64 * 2 ** 20;
/** Products and elements up to which a model is also run. */
const WORK_MOST = 1_000_000;
const OPS = Object.keys(OPERATORS);
const JUNK = [...OPS, "NOTSET", "SAME_UPPER", "x", "y", "v0_0", "v1_0", "c0", "c1", "axis", "pads"];
const DIMS = [[1, 4, 6, 7], [1, 3, 5, 5], [1, 8, 9, 4], [1, 2, 12], [1, 24], [1, 1, 16, 16], [1, 6, 1, 1], [10]];

const GENERATED = fc.record({
  head: tape(16),
  nodes: fc.array(fc.record({ op: fc.constantFrom(...OPS), tape: tape(32) }), { minLength: 1, maxLength: 7 }),
  changes: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(tape(12), { minLength: 1, maxLength: 3 }) },
  ),
});

/** The bytes of a case; whether its values are finite and smooth all the way. */
function makeModel({ head, nodes, changes }) {
  const draw = drawFrom(head);
  const dims = [...draw.pick(DIMS)];
  const random = draw.random();
  const data = Float32Array.from({ length: elements(dims) }, random.normal);
  const builder = createBuilder({ dims, data }, draw.pick([13, 17, 11, 9, 21, 7, 10, 18, 8]));
  for (const { op, tape: numbers } of nodes) OPERATORS[op](drawFrom(numbers), builder);
  const { message, smooth } = builder.finish(draw);
  if (changes.length === 0) return { bytes: encode(message), smooth, valid: true };
  return { bytes: changed(structuredClone(message), changes), smooth: false, valid: false };
}

/** A model's bytes with changes to its fields, then to its bytes. */
function changed(message, changes) {
  const later = [];
  for (const numbers of changes) {
    const draw = drawFrom(numbers);
    if (draw.chance(0.25)) later.push((bytes) => mutateBytes(draw, bytes));
    else mutateTree(draw, message, JUNK);
  }
  let bytes;
  try {
    bytes = encode(message);
  } catch {
    // a value of a type that no message can hold
    return new Uint8Array();
  }
  return later.reduce((all, change) => change(all), bytes);
}

/**
 * What must hold of any bytes.
 * @param smooth whether small differences on the way stay small
 * @param valid whether only what is not supported may be refused
 */
export async function judgeOnnx(bytes, { smooth = false, valid = false } = {}) {
  const read = await typed(() => readModel(bytes, null));
  const imported = await typed(() => importOnnx(bytes));
  if (imported.code) {
    if (valid) assert.ok(["UNSUPPORTED", "OVERFLOW"].includes(imported.code), `refused: ${imported.error.message}`);
    return imported.code;
  }
  const network = imported.value;
  const lowered = await typed(() => lower(network, { grids: null }));
  // float weights on integers: quantized networks want grids
  const isQuantized = network.nodes.some(({ op }) => op === "quantize");
  if (lowered.code) {
    if (valid) assert.ok(isQuantized || lowered.code === "OVERFLOW", `not lowered: ${lowered.error.message}`);
    return `imported, ${lowered.code}`;
  }
  const def = lowered.value;
  if (workOf(def) > WORK_MOST) return "imported, large";
  const random = createDraws(7);
  const values = def.inputs.map(({ name, tensor }) => {
    const { shape } = def.tensors[tensor];
    return { name, shape, data: Float32Array.from({ length: elements(shape) }, random.normal) };
  });
  const inputs = [Object.fromEntries(values.map(({ name, data }) => [name, data]))];
  const runs = await assertAgreement(def, inputs, [{ def, threads: 1 }], { memoryLimit: MEMORY_LIMIT }).catch(
    (error) => {
      if (error.code !== "OVERFLOW") throw error;
      return null;
    },
  );
  // a few windows of many taps may want more memory than the case may have
  if (!runs) return "imported, over the limit";
  const [found] = runs;
  if (!smooth || values.length > 1) return "run";
  const [{ shape, data }] = values;
  assertClose(found.outputs, read.value, shape, data);
  return "run as the evaluator";
}

/** Outputs equal the evaluator's but for rounding: as far apart as it itself moves under the input's last bits, and more. */
function assertClose(found, model, shape, data) {
  const [input] = model.inputs;
  const dims = input.dims.map((n, i) => n ?? (i === 0 ? 1 : shape[i - 1]));
  const evaluate = (values) => evaluateModel(model, new Map([[input.name, { type: "float32", dims, data: values }]]));
  const expected = evaluate(data);
  const moved = evaluate(data.map((x) => Math.fround(x * (1 + 1e-5))));
  for (const [name, { data: values }] of expected) {
    const largest = (made) => made.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    const other = moved.get(name).data;
    // where a value is not finite, its neighbours may be anything
    if (!other.every(Number.isFinite)) continue;
    const span = largest(values);
    const drift = largest(values.map((x, i) => x - other[i]));
    const bound = 1e-4 * span + 10 * drift + 1e-6;
    assert.equal(found[name]?.length, values.length, `output ${name}: length`);
    values.forEach((x, i) => {
      assert.ok(
        Object.is(found[name][i], x) || Math.abs(found[name][i] - x) <= bound,
        `output ${name}[${i}]: found ${found[name][i]}, evaluator ${x}, allowed ${bound}`,
      );
    });
  }
}

export const onnx = {
  name: "onnx",
  share: 2,
  cases: GENERATED,
  memory: 4 * MEMORY_LIMIT,
  run(description) {
    const { bytes, ...rest } = makeModel(description);
    return judgeOnnx(bytes, rest);
  },
  artifact: (description) => ({ extension: "onnx", bytes: makeModel(description).bytes }),
};

const SHARED = fileURLToPath(new URL("../../../../shared/", import.meta.url));
const SMALL = 100_000;

/** Small ONNX files beside the repository. */
function sharedFiles() {
  const cases = join(SHARED, "cases/onnx");
  const nodes = join(SHARED, "data/onnx-node-tests/node");
  const paths = [
    ...(existsSync(cases)
      ? readdirSync(cases)
          .sort()
          .map((name) => join(cases, name))
      : []),
    ...(existsSync(nodes)
      ? readdirSync(nodes)
          .sort()
          .map((name) => join(nodes, name, "model.onnx"))
      : []),
  ];
  return paths
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path))
    .filter((bytes) => bytes.length < SMALL);
}

let shared = [];

/** The bytes of a case on a file beside the repository. */
function makeShared({ file, changes }) {
  const base = shared[file % shared.length];
  return changed(structuredClone(decodeMessage("ModelProto", base)), changes);
}

export const onnxFiles = {
  name: "onnx-files",
  share: 1,
  cases: fc.record({ file: fc.nat(100_000), changes: fc.array(tape(12), { minLength: 1, maxLength: 3 }) }),
  memory: 4 * MEMORY_LIMIT,
  missing: () => (sharedFiles().length > 0 ? null : "no ONNX files beside the repository (../shared)"),
  prepare() {
    shared = sharedFiles();
  },
  run: (description) => judgeOnnx(makeShared(description)),
  artifact: (description) => ({ extension: "onnx", bytes: makeShared(description) }),
};

// validate.ts: everything about a model that the runtime relies on, checked once before it runs.
import { LEVEL_MAX, LEVELS_MAX } from "./codebook.js";
import { magnitudes } from "./codes.js";
import { type ErrorCode, ShiftwiseError } from "./error.js";
import { at, identifier } from "./fields.js";
import {
  broadcastShape,
  convOutputShape,
  elements,
  largestOf,
  sameEncoding,
  sameShape,
  type Window,
} from "./geometry.js";
import {
  ACTIVATIONS,
  BINARY_FUNCTIONS,
  type Clamp,
  type Encoding,
  type Epilogue,
  type Layer,
  layerInputs,
  type ModelDef,
  type Residual,
  type Shape,
  type TensorSpec,
  type Weights,
} from "./model.js";

const INT32_MAX = 0x7fffffff;

type Check = (ok: boolean, place: string, expected: string, found: unknown, code?: ErrorCode) => asserts ok;

function checker(where: string): Check {
  return (ok, place, expected, found, code = "BAD_GRAPH") => {
    if (!ok) throw new ShiftwiseError(code, "invalid model", { where: at(where, place), expected, found });
  };
}

/**
 * Checks a whole model: names, shapes, encodings, weights, epilogues, and that no int32 sum can overflow.
 * @param where file name for error messages
 * @throws BAD_GRAPH; BAD_FILE for a malformed name; OVERFLOW for sums or tensors beyond 2^31 - 1
 */
export function validateModel(def: ModelDef, where = ""): void {
  const check: Check = checker(where);
  const written = new Set<string>();
  const spec = (name: string, place: string): TensorSpec => {
    check(Object.hasOwn(def.tensors, name), place, "a tensor of the model", name);
    return def.tensors[name];
  };
  const write = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(!written.has(name), place, "a tensor not written before", name);
    written.add(name);
    return tensor;
  };
  const read = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(written.has(name), place, "an input or the output of an earlier layer", name);
    return tensor;
  };
  const unique = (names: readonly string[], place: string): void => {
    names.forEach((name, i) => {
      identifier(name, at(where, `${place}[${i}]`));
    });
    check(new Set(names).size === names.length, place, "names that differ", names);
  };

  identifier(def.name, at(where, "name"));
  for (const key of Object.keys(def.notes ?? {})) identifier(key, at(where, "notes"));
  let total = 0;
  for (const [name, tensor] of Object.entries(def.tensors)) {
    const place = `tensor ${identifier(name, at(where, "tensors"))}`;
    check(tensor.shape.length === 3, `${place}.shape`, "3 dimensions", tensor.shape);
    for (const n of tensor.shape)
      check(Number.isInteger(n) && n > 0, `${place}.shape`, "positive integers", tensor.shape);
    total += elements(tensor.shape);
    check(total <= INT32_MAX, place, `at most ${INT32_MAX} elements in all tensors`, total, "OVERFLOW");
    validateEncoding(tensor.encoding, at(where, `${place}.encoding`));
  }
  for (const side of ["inputs", "outputs"] as const) {
    check(def[side].length > 0, side, "at least one", 0);
    unique(
      def[side].map((port) => port.name),
      side,
    );
  }
  unique(
    def.layers.map((layer) => layer.name),
    "layers",
  );
  for (const port of def.inputs) {
    const place = `input ${port.name}`;
    const [channels] = write(port.tensor, place).shape;
    if (port.normalization) {
      const { mean, std } = port.normalization;
      check(mean.length === channels && mean.every(Number.isFinite), place, `${channels} finite means`, mean);
      check(
        std.length === channels && std.every((s) => s > 0 && s < Infinity),
        place,
        `${channels} positive stds`,
        std,
      );
    }
  }
  for (const layer of def.layers) {
    const place = `layer ${layer.name}`;
    const second = "residual" in layer && layer.residual ? 1 : null;
    const inputs = layerInputs(layer).map((name, i) => read(name, `${place}.${i === second ? "residual" : "input"}`));
    const residual = second === null ? null : inputs[second];
    const output = write(layer.output, `${place}.output`);
    checkLayer(layer, inputs, output, residual, (ok, field, expected, found, code) =>
      check(ok, at(place, field), expected, found, code),
    );
  }
  for (const port of def.outputs) read(port.tensor, `output ${port.name}`);
  for (const name of Object.keys(def.tensors))
    check(written.has(name), `tensor ${name}`, "a layer that writes it", "none");
}

/**
 * Checks an activation encoding by itself.
 * @throws BAD_GRAPH
 */
export function validateEncoding(encoding: Encoding, where = ""): void {
  const check: Check = checker(where);
  if (encoding.kind === "float32") return;
  check(encoding.scale > 0 && encoding.scale < Infinity, "scale", "finite and positive", encoding.scale);
  if (encoding.kind === "linear") {
    const { zero, max } = encoding;
    check(Number.isInteger(max) && max >= 1 && max <= 255, "max", "an integer in 1..255", max);
    check(Number.isInteger(zero) && zero >= 0 && zero <= max, "zero", `an integer in 0..${max}`, zero);
    return;
  }
  const { levels, thresholds } = encoding;
  check(levels.length >= 2 && levels[0] === 0, "levels", "two or more, the first 0", levels);
  levels.forEach((level, i) => {
    const ok = Number.isInteger(level) && level <= 255 && (i === 0 || level > levels[i - 1]);
    check(ok, `levels[${i}]`, "ascending integers up to 255", level);
  });
  check(thresholds.length === levels.length - 1, "thresholds", `${levels.length - 1} values`, thresholds.length);
  thresholds.forEach((threshold, i) => {
    const ok = isFloat32(threshold) && (i === 0 || threshold > thresholds[i - 1]);
    check(ok, `thresholds[${i}]`, "ascending finite float32 values", threshold);
  });
}

function isFloat32(x: number): boolean {
  return Number.isFinite(x) && Math.fround(x) === x;
}

function checkLayer(
  layer: Layer,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  residual: TensorSpec | null,
  check: Check,
): void {
  const [input] = inputs;
  const shaped = (expected: Shape): void => {
    check(sameShape(output.shape, expected), "output", `shape ${expected.join("x")}`, output.shape.join("x"));
  };
  switch (layer.op) {
    case "conv": {
      const { groups, padding, dilation, kernel } = layer;
      const [channels, height, width] = input.shape;
      checkWindow(layer, input.shape, check);
      check(
        padding.every((p) => p >= 0) && dilation.every((d) => d >= 1),
        "window",
        "padding >= 0, dilation >= 1",
        layer.padding,
      );
      const fits = Number.isInteger(groups) && groups >= 1 && channels % groups === 0 && output.shape[0] % groups === 0;
      check(fits, "groups", `a divisor of ${channels} and ${output.shape[0]}`, groups);
      const padded = (height + padding[0] + padding[2]) * (width + padding[1] + padding[3]) * channels;
      check(padded <= INT32_MAX, "padding", `at most ${INT32_MAX} elements`, padded, "OVERFLOW");
      shaped(convOutputShape(input.shape, output.shape[0], layer));
      checkWeights(layer.weights, output.shape[0], (channels / groups) * elements(kernel), input.encoding, check);
      checkEpilogue(layer.epilogue, output.shape[0], check);
      break;
    }
    case "dense":
      shaped([output.shape[0], 1, 1]);
      checkWeights(layer.weights, output.shape[0], elements(input.shape), input.encoding, check);
      checkEpilogue(layer.epilogue, output.shape[0], check);
      break;
    case "maxPool":
      checkWindow(layer, input.shape, check);
      check(
        (layer.dilation ?? [1]).every((d) => d >= 1),
        "dilation",
        "integers >= 1",
        layer.dilation,
      );
      layer.padding.forEach((p, i) => {
        const limit = layer.kernel[i % 2];
        check(p >= 0 && p < limit, "padding", `less than the kernel's ${limit}`, p);
      });
      shaped(convOutputShape(input.shape, input.shape[0], layer));
      check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
      break;
    case "avgPool": {
      checkWindow(layer, input.shape, check);
      shaped(convOutputShape(input.shape, input.shape[0], layer));
      const sum = elements(layer.kernel) * (largestOf(input.encoding) ?? 0);
      check(sum <= INT32_MAX, "kernel", `sums up to ${INT32_MAX}`, sum, "OVERFLOW");
      checkEpilogue(layer.epilogue, 1, check);
      break;
    }
    case "add":
      shaped(input.shape);
      checkEpilogue(layer.epilogue, 1, check);
      break;
    case "concat": {
      check(inputs.length > 0, "inputs", "at least one", 0);
      const [, height, width] = input.shape;
      for (const { shape, encoding } of inputs) {
        check(shape[1] === height && shape[2] === width, "inputs", `${height}x${width} rows and columns`, shape);
        check(sameEncoding(encoding, output.encoding), "inputs", "the output's encoding", encoding);
      }
      shaped([inputs.reduce((sum, { shape }) => sum + shape[0], 0), height, width]);
      break;
    }
    case "gather": {
      check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
      check(Number.isFinite(layer.value), "value", "a finite number", String(layer.value));
      for (const [axis, field] of (["channels", "rows", "columns"] as const).entries()) {
        const size = input.shape[axis];
        const bad = layer[field].findIndex((n) => !(Number.isInteger(n) && n >= -1 && n < size));
        check(bad < 0, `${field}[${bad}]`, `an integer in -1..${size - 1}`, layer[field][bad]);
      }
      shaped([layer.channels.length, layer.rows.length, layer.columns.length]);
      break;
    }
    case "permute": {
      const { dims, order } = layer;
      check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
      check(dims.length >= 1 && dims.length <= 8, "dims", "1 to 8 axes", dims.length);
      check(
        dims.every((n) => Number.isInteger(n) && n >= 1),
        "dims",
        "positive integers",
        dims,
      );
      check(elements(dims) === elements(input.shape), "dims", `${elements(input.shape)} elements`, dims);
      check(elements(dims) === elements(output.shape), "output", `${elements(dims)} elements`, output.shape);
      const sorted = order.toSorted((a, b) => a - b);
      check(sameShape(sorted, [...dims.keys()]), "order", `the axes 0..${dims.length - 1}`, order);
      break;
    }
    case "activation": {
      const { fn, parameters } = layer;
      check(Object.hasOwn(ACTIVATIONS, fn), "fn", `one of ${Object.keys(ACTIVATIONS).join(", ")}`, fn);
      const ok = parameters.length === ACTIVATIONS[fn] && parameters.every(Number.isFinite);
      check(ok, "parameters", `${ACTIVATIONS[fn]} finite numbers`, parameters);
      shaped(input.shape);
      break;
    }
    case "binary": {
      check(BINARY_FUNCTIONS.includes(layer.fn), "fn", `one of ${BINARY_FUNCTIONS.join(", ")}`, layer.fn);
      const shape = broadcastShape(input.shape, inputs[1].shape);
      check(shape !== null, "other", `a shape that meets ${input.shape.join("x")}`, inputs[1].shape.join("x"));
      shaped(shape);
      break;
    }
    case "constant": {
      const { values } = layer;
      check(output.encoding.kind === "float32", "output", "a float32 tensor", output.encoding);
      check(values.length === elements(output.shape), "values", `${elements(output.shape)} values`, values.length);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      check(bad < 0, `values[${bad}]`, "a finite number", String(values[bad]));
      break;
    }
    case "resample": {
      const along = (field: "rows" | "columns", from: number, to: number): void => {
        const { indices, weights } = layer[field];
        const ok = indices.length === weights.length && indices.length >= to && indices.length % to === 0;
        check(ok, field, `as many indices as weights, a multiple of ${to}`, [indices.length, weights.length]);
        const inside = indices.every((n) => Number.isInteger(n) && n >= 0 && n < from);
        check(inside, `${field}.indices`, `integers in 0..${from - 1}`, indices);
        check(weights.every(Number.isFinite), `${field}.weights`, "finite numbers", weights);
      };
      const [channels, height, width] = output.shape;
      check(channels === input.shape[0], "output", `${input.shape[0]} channels`, channels);
      along("rows", input.shape[1], height);
      along("columns", input.shape[2], width);
      break;
    }
    case "softmax":
      check([0, 1, 2].includes(layer.axis), "axis", "0, 1 or 2", layer.axis);
      shaped(input.shape);
  }
  if (residual) {
    const { scale } = (layer as { residual: Residual }).residual;
    check(
      sameShape(residual.shape, output.shape),
      "residual",
      `shape ${output.shape.join("x")}`,
      residual.shape.join("x"),
    );
    check(isFloat32(scale), "residual.scale", "a finite float32", scale);
  }
}

function checkWindow(window: Window, input: Shape, check: Check): void {
  const { kernel, stride, dilation = [1, 1], padding = [0, 0, 0, 0] } = window;
  const numbers = [...kernel, ...stride, ...dilation, ...padding];
  check(numbers.every(Number.isInteger), "window", "integers", numbers);
  check(
    [...kernel, ...stride].every((n) => n >= 1),
    "window",
    "kernel and stride >= 1",
    [...kernel, ...stride],
  );
  const [, rows, columns] = convOutputShape(input, 1, window);
  check(rows >= 1 && columns >= 1, "kernel", "one that fits the padded input", kernel);
}

/** Each accumulator is a sum of depth products of a weight and a raw input 0..X: |sum| <= X sum |w|. */
function checkWeights(weights: Weights, outputs: number, depth: number, encoding: Encoding, check: Check): void {
  const largest = largestOf(encoding);
  const count = outputs * depth;
  if (weights.kind === "float32") {
    check(largest === null, "weights", "integer weights for integer inputs", "float32");
    check(weights.values.length === count, "weights", `${count} values`, weights.values.length);
    const bad = weights.values.findIndex((w) => !Number.isFinite(w));
    check(bad < 0, `weights[${bad}]`, "a finite number", String(weights.values[bad]));
    return;
  }
  check(largest !== null, "weights", "float32 weights for float32 inputs", weights.kind);
  check(weights.codes.length === count, "weights", `${count} codes`, weights.codes.length);
  if (weights.kind === "codebook") checkLevels(weights.levels, check);
  else checkGrid(weights.bits, weights.n1, check);
  const size = magnitudeTable(weights);
  const { codes } = weights;
  const most = Math.max(...size) * depth;
  for (let c = 0; c < outputs; c++) {
    const sum = channelSum(codes, size, c * depth, depth);
    if (sum < 0) {
      const bad = codes.findIndex((code) => size[code & 255] < 0);
      check(false, `weights[${bad}]`, "a code of the layer's levels", codes[bad]);
    }
    if (most * largest <= INT32_MAX) continue;
    check(
      sum * largest <= INT32_MAX,
      `weights of channel ${c}`,
      `sums up to ${INT32_MAX}`,
      `${sum} * ${largest}`,
      "OVERFLOW",
    );
  }
}

/** Sum of a channel's magnitudes, -1 where a code has none. Short and called often: engines compile it early. */
function channelSum(codes: Int8Array | Uint8Array, size: Int32Array, from: number, depth: number): number {
  let sum = 0;
  let signs = 0;
  for (let i = from; i < from + depth; i++) {
    const magnitude = size[codes[i] & 255];
    sum += magnitude;
    signs |= magnitude;
  }
  return signs < 0 ? -1 : sum;
}

type IntegerWeights = Exclude<Weights, { kind: "float32" }>;

/** |weight| in the accumulator by the code's low byte; -1 for a code that has none. */
function magnitudeTable(weights: IntegerWeights): Int32Array {
  const size = new Int32Array(256).fill(-1);
  if (weights.kind === "codebook") {
    weights.levels.forEach((level, code) => {
      size[code] = Math.abs(level);
    });
    return size;
  }
  size[0] = 0;
  for (let m = 1; m <= magnitudes(weights.bits); m++) {
    size[m] = 2 ** (m - 1);
    size[-m & 255] = size[m];
  }
  return size;
}

function checkLevels(levels: readonly number[], check: Check): void {
  const count = levels.length;
  check(count >= 2 && count <= LEVELS_MAX, "weights.levels", `2 to ${LEVELS_MAX} levels`, count);
  levels.forEach((level, i) => {
    const ok = Number.isInteger(level) && Math.abs(level) <= LEVEL_MAX && (i === 0 || level > levels[i - 1]);
    check(ok, `weights.levels[${i}]`, `ascending integers in ${-LEVEL_MAX}..${LEVEL_MAX}`, level);
  });
}

function checkGrid(bits: number, n1: number, check: Check): void {
  check([2, 3, 4, 5].includes(bits), "weights.bits", "2, 3, 4 or 5", bits);
  check(Number.isInteger(n1) && n1 >= -126 && n1 <= 127, "weights.n1", "an integer in -126..127", n1);
}

function checkEpilogue({ scale, offset, clamp }: Epilogue, channels: number, check: Check): void {
  for (const [field, values] of Object.entries({ scale, offset })) {
    check(values.length === channels, field, `${channels} values`, values.length);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    check(bad < 0, `${field}[${bad}]`, "a finite number", String(values[bad]));
  }
  checkClamp(clamp, check);
}

function checkClamp({ low, high }: Clamp, check: Check): void {
  for (const bound of [low, high])
    check(bound === undefined || Number.isFinite(bound), "clamp", "finite bounds", bound);
  check(low === undefined || high === undefined || low <= high, "clamp", "low <= high", { low, high });
}

// validate-layer.ts: one layer of a model: that its shapes, numbers and encodings belong together.
import { type Check, INT32_MAX, isFloat32, isWritable } from "./check.js";
import {
  broadcastShape,
  convOutputShape,
  elements,
  emptyWindow,
  largestOf,
  sameEncoding,
  sameShape,
  type Window,
} from "./geometry.js";
import {
  ACTIVATIONS,
  BINARY_FUNCTIONS,
  type Clamp,
  type Epilogue,
  type Layer,
  type Residual,
  type Shape,
  type TensorSpec,
} from "./model.js";
import { checkWeights } from "./validate-weights.js";

/** @param residual the tensor of the layer's residual operand, or null */
export function checkLayer(
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
      const [channels] = input.shape;
      checkWindow(layer, input.shape, check);
      check(
        padding.every((p) => p >= 0) && dilation.every((d) => d >= 1),
        "window",
        "padding >= 0, dilation >= 1",
        layer.padding,
      );
      const fits = Number.isInteger(groups) && groups >= 1 && channels % groups === 0 && output.shape[0] % groups === 0;
      check(fits, "groups", `a divisor of ${channels} and ${output.shape[0]}`, groups);
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
      for (const axis of [0, 1] as const) {
        const empty = emptyWindow(input.shape, layer, axis);
        const found = `padding alone under output ${axis === 0 ? "row" : "column"} ${empty}`;
        check(empty < 0, "padding", "windows that meet the plane", found);
      }
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
      check(isWritable(layer.value), "value", "a finite number other than -0", layer.value);
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
      const ok = parameters.length === ACTIVATIONS[fn] && parameters.every(isWritable);
      check(ok, "parameters", `${ACTIVATIONS[fn]} finite numbers other than -0`, parameters);
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
    check(isFloat32(scale) && isWritable(scale), "residual.scale", "a finite float32 other than -0", scale);
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
  const [channels, height, width] = input;
  const padded = (height + padding[0] + padding[2]) * (width + padding[1] + padding[3]) * channels;
  check(padded <= INT32_MAX, "padding", `at most ${INT32_MAX} elements`, padded, "OVERFLOW");
  const [, rows, columns] = convOutputShape(input, 1, window);
  check(rows >= 1 && columns >= 1, "kernel", "one that fits the padded input", kernel);
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

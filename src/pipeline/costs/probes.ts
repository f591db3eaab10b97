// probes.ts: random models with every kind of step, whose times a cost table is fitted on.
import { createRandom, type Random } from "../../base/index.js";
import type { ModelDef } from "../../model/index.js";
import { convOutputShape, type Encoding, elements, type Shape } from "../../ops/index.js";
import { Draft, FLOAT32, LEVELS, linear } from "./draft.js";

/** Products that a convolution of a probe has at most, so that no probe takes long. */
const PRODUCTS = 2.5e7;
/** Inputs of an output that a convolution of a probe has at most. */
const DEPTH = 6000;
/** Layers of the body of a probe. */
const BODY = 7;
/** Rows and columns of a window that is not gathered. */
const LARGE = 257;
/** The number of probes of which one is of float32, and one of the steps that are neither convolutions nor pools. */
const CYCLE = 5;
/** The number of probes of which one is deep. */
const DEEP = 10;

/** Makes models one by one, the same for the same seed. */
export function* probeModels(count: number, seed: number): Generator<ModelDef, void, undefined> {
  const random = createRandom(seed);
  for (let i = 0; i < count; i++) {
    const others = i % CYCLE === 3 ? floatProbe : i % CYCLE === 4 ? movingProbe : integerProbe;
    const make = i % DEEP === 1 ? deepProbe : others;
    const draft = new Draft(random);
    make(draft);
    yield draft.model(`probe ${i}`);
  }
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];

const SIZES = [4, 7, 8, 12, 14, 16, 20, 28, 32, 40, 56, 80, 112];
const WIDTHS = [3, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/** A shape whose planes are not too large. */
function drawShape(random: Random): Shape {
  for (;;) {
    const [channels, size] = [pick(random, WIDTHS), pick(random, SIZES)];
    if (channels * size * size <= 300_000 && channels * size * size >= 1000) return [channels, size, size];
  }
}

function drawEncoding(random: Random): Encoding {
  const place = random.uniform();
  if (place < 0.7) return linear();
  if (place < 0.8) return linear(255, 128);
  if (place < 0.92) return linear(15);
  return place < 0.96 ? linear(63) : LEVELS;
}

/** Channels of a convolution's output, as many as its products allow. */
function drawChannels(random: Random, products: number): number {
  const most = Math.max(4, Math.floor(PRODUCTS / products));
  const widths = WIDTHS.filter((width) => width <= most && width > 3);
  return widths.length > 0 ? pick(random, widths) : most;
}

/** Adds a layer to the end of the chain; returns the new end. */
type Grow = (draft: Draft, input: string) => string;

const square = (n: number): readonly [number, number] => [n, n];
const around = (n: number): readonly [number, number, number, number] => [n, n, n, n];

function growConv(draft: Draft, input: string, kernel: number, step: number, pad: number, dilation = 1): string {
  const { random } = draft;
  const { shape } = draft.tensors[input];
  const reach = dilation * (kernel - 1) + 1;
  if (shape[1] + 2 * pad < reach || shape[0] * kernel * kernel > DEPTH) return growConv(draft, input, 1, 1, 0);
  const window = { kernel: square(kernel), stride: square(step), padding: around(pad), dilation: square(dilation) };
  const [, height, width] = convOutputShape(shape, 1, window);
  const channels = drawChannels(random, height * width * shape[0] * kernel * kernel);
  return draft.conv(input, { ...window, channels, output: drawOutput(draft, input) });
}

/** Float32 stays float32, as it has weights of its own. */
function drawOutput({ tensors, random }: Draft, input: string): Encoding {
  const { encoding } = tensors[input];
  return encoding.kind === "float32" ? encoding : drawEncoding(random);
}

const pointwise: Grow = (draft, input) => growConv(draft, input, 1, 1, 0);
const window: Grow = (draft, input) => {
  const kernel = pick(draft.random, [3, 3, 3, 3, 5, 7, 2]);
  return growConv(draft, input, kernel, 1, pick(draft.random, [kernel >> 1, kernel >> 1, kernel >> 1, 0]));
};
const strided: Grow = (draft, input) => {
  const kernel = pick(draft.random, [3, 3, 1, 5, 7]);
  return growConv(draft, input, kernel, pick(draft.random, [2, 2, 2, 3, 4]), kernel >> 1);
};
const dilated: Grow = (draft, input) => growConv(draft, input, 3, 1, 2, 2);
const depthwise: Grow = (draft, input) => {
  const { shape } = draft.tensors[input];
  const kernel = pick(draft.random, [3, 3, 3, 5]);
  return draft.conv(input, {
    channels: shape[0] * pick(draft.random, [1, 1, 1, 2]),
    kernel: square(kernel),
    stride: square(shape[1] > 7 ? pick(draft.random, [1, 1, 2]) : 1),
    padding: around(kernel >> 1),
    groups: shape[0],
    output: drawOutput(draft, input),
  });
};
const grouped: Grow = (draft, input) => {
  const [channels] = draft.tensors[input].shape;
  const groups = [8, 4, 2, 1].find((n) => channels % n === 0)!;
  return draft.conv(input, {
    channels: Math.min(channels, 256) - (Math.min(channels, 256) % groups) || groups,
    kernel: [3, 3],
    padding: around(1),
    groups,
    output: drawOutput(draft, input),
  });
};
const residual: Grow = (draft, input) => {
  const { shape } = draft.tensors[input];
  const products = shape[0] * elements(shape);
  if (products > 2 * PRODUCTS) return depthwise(draft, input);
  return draft.conv(input, { channels: shape[0], residual: input, output: drawOutput(draft, input) });
};
const sum: Grow = (draft, input) => {
  const { shape } = draft.tensors[input];
  const operand = { tensor: input, scale: 0.5 };
  const layer = { op: "add", input, residual: operand, epilogue: draft.plainEnding() } as const;
  return draft.add(layer, shape, drawOutput(draft, input));
};
const maximum: Grow = (draft, input) => {
  const { shape, encoding } = draft.tensors[input];
  const fields = { kernel: [3, 3], stride: square(pick(draft.random, [1, 2])), padding: around(1) } as const;
  const layer = { op: "maxPool", input, ...fields, dilation: [1, 1] } as const;
  return draft.add(layer, convOutputShape(shape, shape[0], { ...fields, dilation: [1, 1] }), encoding);
};
const mean: Grow = (draft, input) => {
  const { shape } = draft.tensors[input];
  const size = shape[1] >= 4 ? 2 : 1;
  const fields = { kernel: square(size), stride: square(size) };
  const out = convOutputShape(shape, shape[0], { ...fields, padding: around(0), dilation: [1, 1] });
  const layer = { op: "avgPool", input, ...fields, epilogue: draft.plainEnding() } as const;
  return draft.add(layer, out, drawOutput(draft, input));
};
const doubled: Grow = (draft, input) => {
  const { shape, encoding } = draft.tensors[input];
  const [channels, height, width] = shape;
  if (channels > 512) return pointwise(draft, input);
  const other = draft.conv(input, { channels: Math.min(channels, 32), output: encoding });
  const all = channels + draft.tensors[other].shape[0];
  return draft.add({ op: "concat", inputs: [input, other] }, [all, height, width], encoding);
};
/** A branch that ends in float32, and is an output of the model. */
const toFloat: Grow = (draft, input) => {
  draft.conv(input, { channels: pick(draft.random, [16, 32, 64]), output: FLOAT32 });
  return input;
};

/** Global pooling, then dense layers. */
function finish(draft: Draft, input: string): void {
  const { shape } = draft.tensors[input];
  const { random } = draft;
  const [channels, height, width] = shape;
  if (elements(shape) <= 8192) draft.dense(input, pick(random, [10, 100, 256]), drawOutput(draft, input));
  const layer = {
    op: "avgPool",
    input,
    kernel: [height, width],
    stride: [1, 1],
    epilogue: draft.plainEnding(),
  } as const;
  const vector = draft.add(layer, [channels, 1, 1], drawOutput(draft, input));
  const hidden = draft.dense(vector, pick(random, [64, 256, 1024]), drawOutput(draft, vector));
  draft.dense(hidden, pick(random, [10, 100, 1000]), FLOAT32);
}

/** Often the common kinds, now and then the others. */
const INTEGER: readonly Grow[] = [
  ...[pointwise, pointwise, pointwise, pointwise, window, window, window, window, strided, strided],
  ...[depthwise, depthwise, depthwise, residual, residual, grouped, dilated, sum, maximum, mean, doubled, toFloat],
];
const FLOAT: readonly Grow[] = [pointwise, window, strided, depthwise, residual, sum, maximum, mean, doubled];

function integerProbe(draft: Draft): void {
  grow(draft, draft.input(drawShape(draft.random), drawEncoding(draft.random)), INTEGER);
}

/** The last layers of a large network: small maps under so many weights that no cache holds their stream. */
function deepProbe(draft: Draft): void {
  const { random } = draft;
  const size = pick(random, [4, 7, 8]);
  let end = draft.input([pick(random, [256, 512]), size, size], linear());
  for (let layer = 0; layer < 2; layer++) {
    end = draft.conv(end, { channels: pick(random, [320, 512]), kernel: [3, 3], padding: around(1), output: linear() });
  }
  finish(draft, end);
}

function floatProbe(draft: Draft): void {
  grow(draft, draft.input(drawShape(draft.random), FLOAT32), FLOAT);
}

function grow(draft: Draft, input: string, kinds: readonly Grow[]): void {
  let end = input;
  for (let layer = 0; layer < BODY; layer++) end = pick(draft.random, kinds)(draft, end);
  finish(draft, end);
}

/** The steps that move values, or have no integer form, on integers or float32. */
function movingProbe(draft: Draft): void {
  const { random } = draft;
  const size = pick(random, [8, 16, 28]);
  const shape: Shape = [pick(random, [8, 16, 32]), size, size];
  const [channels] = shape;
  const encoding = random.below(2) === 0 ? FLOAT32 : linear();
  const input = draft.input(shape, encoding);
  const places = (length: number): readonly number[] => Array.from({ length }, (_, i) => length - 1 - i);
  const add = (layer: Parameters<Draft["add"]>[0], out: Shape = shape, to = encoding): string =>
    draft.add(layer, out, to);
  const indices = { channels: places(channels), rows: places(size), columns: places(size) };
  const reversed = add({ op: "gather", input, ...indices, value: 0 });
  const straight = Array.from({ length: size }, (_, i) => i);
  add({
    op: "gather",
    input,
    ...indices,
    ...(random.below(2) === 0 ? { columns: straight } : { rows: straight, columns: straight }),
    value: 0,
  });
  const order = pick(random, [
    [1, 2, 0],
    [2, 0, 1],
    [0, 2, 1],
    [1, 0, 2],
  ]);
  const moved = order.map((axis) => shape[axis]) as unknown as Shape;
  add({ op: "permute", input, dims: [...shape], order }, moved);
  add({ op: "activation", input, fn: pick(random, ["sigmoid", "tanh", "hardSwish"]), parameters: [] });
  const bell = [
    { fn: "mul", parameters: [], of: [0, 0] },
    { fn: "exp", parameters: [], of: [1] },
    { fn: "mul", parameters: [], of: [0, 2] },
  ] as const;
  add({ op: "elementwise", input, steps: bell.slice(0, 1 + random.below(3)) });
  const fn = pick(random, ["sigmoid", "tanh", "erf", "hardSwish"] as const);
  const gate = [
    { fn, parameters: [], of: [0] },
    { fn: "mul", parameters: [], of: [0, 1] },
  ] as const;
  const real = draft.input(shape, FLOAT32);
  add({ op: "elementwise", input: real, steps: gate }, shape, linear());
  add({ op: "elementwise", input: real, steps: [{ ...gate[0], fn: "sigmoid" }, gate[1]] }, shape, FLOAT32);
  add({ op: "binary", input, other: reversed, fn: pick(random, ["mul", "sub", "max"]) });
  const mean = add({ op: "avgPool", input, kernel: [size, size], stride: [1, 1], epilogue: draft.plainEnding() }, [
    channels,
    1,
    1,
  ]);
  add({ op: "binary", input, other: mean, fn: "mul" });
  const taps = { indices: Array.from({ length: 2 * size }, (_, i) => i >> 1), weights: new Array(2 * size).fill(0.5) };
  add({ op: "resample", input, rows: taps, columns: taps });
  add({ op: "softmax", input, axis: pick(random, [0, 1, 2]) });
  const values = Float32Array.from({ length: elements(shape) }, () => random.normal());
  const constant = add({ op: "constant", values }, shape, FLOAT32);
  add({ op: "matmul", input: constant, other: constant }, shape, FLOAT32);
  add({ op: "concat", inputs: [input, input] }, [2 * channels, size, size]);
  const large = draft.input([1, LARGE + 1, LARGE + 1], encoding);
  const vast = { op: "avgPool", input: large, kernel: square(LARGE), stride: [1, 1] } as const;
  draft.add({ ...vast, epilogue: draft.plainEnding() }, [1, 2, 2], encoding);
}

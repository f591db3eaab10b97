// layers.js: a generator for every kind of layer: each adds one to the model, or nothing where none fits.
import { KNOWN, randomSteps } from "../../ops/steps.js";
import {
  BINARY_FUNCTIONS,
  broadcastShape,
  convOutputShape,
  elements,
  FUNCTIONS,
  largestOf,
  sameEncoding,
} from "../project.js";
import { drawEpilogue, drawFactors, drawPlaces, drawResidual, drawWeights } from "./builder.js";
import { drawEncoding, drawNumber, drawReals, drawShape, filled } from "./values.js";

/** Most products of one layer: the plain executor does about fifty million a second. */
const PRODUCTS_MAX = 60_000;
const ELEMENTS_MAX = 2048;
const FLOAT = { kind: "float32" };

/** A window over rows and columns that fits the input; `padded` says how far padding may reach. */
function drawWindow(draw, [, height, width], padded) {
  const along = (size) => {
    const kernel = draw.pick([1, 3, 2, 1, 5, 7, 4, size]);
    const dilation = draw.pick([1, 1, 1, 2, 3]);
    const reach = dilation * (kernel - 1) + 1;
    const least = Math.max(0, reach - size);
    const [before, after] = [draw.pick(padded(kernel)), draw.pick(padded(kernel))];
    const missing = Math.max(0, least - before - after);
    return { kernel, dilation, before, after: after + missing, stride: draw.pick([1, 2, 1, 3, 5]) };
  };
  const same = draw.chance(0.4);
  const rows = along(height);
  const columns = same && rows.kernel <= width ? { ...rows, after: rows.after } : along(width);
  const window = {
    kernel: [rows.kernel, columns.kernel],
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    padding: [rows.before, columns.before, rows.after, columns.after],
  };
  const [, outRows, outColumns] = convOutputShape([1, height, width], 1, window);
  return outRows >= 1 && outColumns >= 1 ? window : null;
}

/** Whether some window along an axis holds nothing but padding. */
function hasEmptyWindow({ kernel, stride, dilation, padding }, shape, out) {
  return [0, 1].some((axis) => {
    const positions = Array.from({ length: out[axis + 1] }, (_, i) => i * stride[axis] - padding[axis]);
    return positions.some((start) =>
      Array.from({ length: kernel[axis] }, (_, k) => start + k * dilation[axis]).every(
        (at) => at < 0 || at >= shape[axis + 1],
      ),
    );
  });
}

const small = (shape) => elements(shape) <= ELEMENTS_MAX && shape.every((n) => n >= 1);
const divisors = (n) => Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);

function conv(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const groups = draw.pick([1, 1, shape[0], draw.pick(divisors(shape[0]))]);
  const perGroup = shape[0] / groups;
  // as often as not with the shape of something that exists, so that there is a residual to add
  const mate = draw.chance(0.4)
    ? builder.source(draw, ({ shape: [c, h, w] }) => h === shape[1] && w === shape[2] && c % groups === 0)
    : null;
  const channels = mate ? builder.spec(mate).shape[0] : groups * draw.pick([1, 2, 3, 4, 5, 8, 15, 16, 17, 33]);
  let window;
  if (mate) {
    const [k, d] = [draw.pick([1, 3, 5]), draw.pick([1, 1, 2])];
    const p = (d * (k - 1)) / 2;
    window = { kernel: [k, k], stride: [1, 1], dilation: [d, d], padding: [p, p, p, p] };
  } else {
    window = drawWindow(draw, shape, (kernel) => [0, kernel >> 1, kernel >> 1, kernel - 1, kernel, 1, 2, 3, 9, 40]);
  }
  if (!window) return;
  const out = convOutputShape(shape, channels, window);
  const depth = perGroup * window.kernel[0] * window.kernel[1];
  if (!small(out) || elements(out) * depth > PRODUCTS_MAX) return;
  const result = drawEncoding(draw, builder.wild);
  const { weights, size } = drawWeights(draw, channels, depth, encoding);
  const epilogue = drawEpilogue(draw, channels, size, result, builder.wild);
  const residual = draw.chance(mate ? 0.8 : 0.2) ? drawResidual(draw, builder, out) : null;
  builder.layer(
    draw,
    { shape: out, encoding: result },
    { op: "conv", input, ...window, groups, weights, epilogue, ...(residual && { residual }) },
  );
}

function dense(draw, builder) {
  const input = builder.source(draw, ({ shape }) => elements(shape) <= 512) ?? null;
  if (input === null) return;
  const { shape, encoding } = builder.spec(input);
  const outputs = draw.pick([1, 2, 3, 10, 15, 16, 17, 31, 32, 33, 48, 100]);
  if (outputs * elements(shape) > PRODUCTS_MAX) return;
  const result = drawEncoding(draw, builder.wild);
  const { weights, size } = drawWeights(draw, outputs, elements(shape), encoding);
  const epilogue = drawEpilogue(draw, outputs, size, result, builder.wild);
  builder.layer(draw, { shape: [outputs, 1, 1], encoding: result }, { op: "dense", input, weights, epilogue });
}

function maxPool(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const window = drawWindow(draw, shape, (kernel) => [0, kernel >> 1, kernel - 1]);
  if (!window || window.padding.some((p, i) => p >= window.kernel[i % 2])) return;
  const out = convOutputShape(shape, shape[0], window);
  if (!small(out) || elements(out) * elements(window.kernel) > PRODUCTS_MAX || hasEmptyWindow(window, shape, out))
    return;
  const { dilation, ...rest } = window;
  const named = dilation.some((d) => d > 1) || draw.chance(0.1);
  builder.layer(draw, { shape: out, encoding }, { op: "maxPool", input, ...rest, ...(named && { dilation }) });
}

function avgPool(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const whole = { kernel: [shape[1], shape[2]], stride: [1, 1] };
  const window = draw.chance(0.4) ? whole : drawWindow(draw, shape, () => [0]);
  if (!window) return;
  const { kernel, stride } = window;
  if (kernel[0] > shape[1] || kernel[1] > shape[2]) return;
  const out = convOutputShape(shape, shape[0], { kernel, stride });
  if (elements(out) * elements(kernel) > PRODUCTS_MAX) return;
  const result = drawEncoding(draw, builder.wild);
  const epilogue = drawEpilogue(draw, 1, elements(kernel) * (largestOf(encoding) ?? 2), result, builder.wild);
  builder.layer(draw, { shape: out, encoding: result }, { op: "avgPool", input, kernel, stride, epilogue });
}

function add(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const residual = drawResidual(draw, builder, shape);
  const result = drawEncoding(draw, builder.wild);
  const epilogue = drawEpilogue(draw, 1, largestOf(encoding) ?? 3, result, builder.wild);
  builder.layer(draw, { shape, encoding: result }, { op: "add", input, epilogue, residual });
}

function concat(draw, builder) {
  const first = builder.source(draw);
  const { shape, encoding } = builder.spec(first);
  const fits = (spec) =>
    spec.shape[1] === shape[1] && spec.shape[2] === shape[2] && sameEncoding(spec.encoding, encoding);
  const inputs = [first];
  for (let i = draw.below(4); i > 0; i--) inputs.push(builder.source(draw, fits));
  const channels = inputs.reduce((sum, name) => sum + builder.spec(name).shape[0], 0);
  const out = [channels, shape[1], shape[2]];
  if (small(out)) builder.layer(draw, { shape: out, encoding }, { op: "concat", inputs });
}

function gather(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const random = draw.random();
  const gaps = draw.chance(0.5);
  const [channels, rows, columns] = shape.map((n) =>
    drawPlaces(random, n, draw.pick([1, 2, 3, 5, 8, 16, 17, n]), gaps),
  );
  const out = [channels.length, rows.length, columns.length];
  if (!small(out)) return;
  const value = drawNumber(random, 2, builder.wild);
  builder.layer(draw, { shape: out, encoding }, { op: "gather", input, channels, rows, columns, value });
}

function permute(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const dims = draw.chance(0.5) ? [...shape] : drawFactors(draw, elements(shape), draw.integer(1, 8));
  const order = draw.random().shuffle([...dims.keys()]);
  const out = draw.chance(0.5) ? drawFactors(draw, elements(shape), 3) : [...shape];
  builder.layer(draw, { shape: out, encoding }, { op: "permute", input, dims, order });
}

function activation(draw, builder) {
  const input = builder.source(draw);
  const fn = draw.pick(Object.keys(FUNCTIONS));
  const random = draw.random();
  const parameters = Array.from({ length: FUNCTIONS[fn].length }, () => drawNumber(random, 1, builder.wild));
  builder.layer(
    draw,
    { shape: builder.spec(input).shape, encoding: drawEncoding(draw, builder.wild) },
    { op: "activation", input, fn, parameters },
  );
}

function elementwise(draw, builder) {
  const input = builder.source(draw);
  const { shape, encoding } = builder.spec(input);
  const random = draw.random();
  const steps = draw.chance(0.3) ? draw.pick(KNOWN) : randomSteps(random);
  const mayGain = encoding.kind === "float32" && elements(shape) > shape[0];
  const gains =
    mayGain && draw.chance(0.3)
      ? filled(new Float32Array(shape[0]), () => drawNumber(random, 2, builder.wild))
      : undefined;
  builder.layer(
    draw,
    { shape, encoding: drawEncoding(draw, builder.wild) },
    { op: "elementwise", input, steps, ...(gains && { gains }) },
  );
}

function binary(draw, builder) {
  const [input, other] = [builder.source(draw), builder.source(draw)];
  const shape = broadcastShape(builder.spec(input).shape, builder.spec(other).shape);
  const mate = shape && small(shape) ? other : input;
  const out = shape && small(shape) ? shape : builder.spec(input).shape;
  builder.layer(
    draw,
    { shape: out, encoding: drawEncoding(draw, builder.wild) },
    { op: "binary", input, other: mate, fn: draw.pick(Object.keys(BINARY_FUNCTIONS)) },
  );
}

function matmul(draw, builder) {
  const float = ({ encoding }) => encoding.kind === "float32";
  const input = builder.source(draw, float);
  if (input === null) return;
  const [batch, rows, depth] = builder.spec(input).shape;
  const meets = ({ shape: [others, height] }) => height === depth && (others === batch || others === 1 || batch === 1);
  const other = builder.source(draw, (spec) => float(spec) && meets(spec)) ?? matrices(draw, builder, [batch, depth]);
  const [others, , columns] = builder.spec(other).shape;
  const shape = [Math.max(batch, others), rows, columns];
  if (!small(shape) || elements(shape) * depth > PRODUCTS_MAX) return;
  builder.layer(draw, { shape, encoding: FLOAT }, { op: "matmul", input, other });
}

/** A constant that meets matrices of `rows` columns. */
function matrices(draw, builder, [batch, rows]) {
  const columns = Math.max(1, Math.min(draw.pick([1, 2, 7, 8, 9, 16, 33]), Math.floor(ELEMENTS_MAX / rows)));
  const many = draw.chance(0.5) && batch * rows * columns <= ELEMENTS_MAX ? batch : 1;
  const spec = { shape: [many, rows, columns], encoding: FLOAT };
  builder.layer(draw, spec, { op: "constant", values: drawReals(draw.random(), spec, builder.wild) });
  return builder.layers.at(-1).output;
}

function constant(draw, builder) {
  const like = builder.spec(builder.source(draw)).shape;
  const shape = draw.chance(0.6) ? like.map((n) => (draw.chance(0.5) ? 1 : n)) : drawShape(draw, 256);
  const spec = { shape, encoding: FLOAT };
  builder.layer(draw, spec, { op: "constant", values: drawReals(draw.random(), spec, builder.wild) });
}

function resample(draw, builder) {
  const input = builder.source(draw);
  const { shape } = builder.spec(input);
  const random = draw.random();
  const taps = (size, length) => {
    const count = draw.pick([1, 2, 3, 4]);
    const weights = Array.from({ length: length * count }, () => drawNumber(random, 0.6, builder.wild));
    return { indices: drawPlaces(random, size, length * count, false), weights };
  };
  const [height, width] = [draw.pick([1, 2, 3, 5, 8, 17, shape[1]]), draw.pick([1, 2, 3, 5, 8, 17, shape[2]])];
  const out = [shape[0], height, width];
  if (!small(out)) return;
  builder.layer(
    draw,
    { shape: out, encoding: drawEncoding(draw, builder.wild) },
    { op: "resample", input, rows: taps(shape[1], height), columns: taps(shape[2], width) },
  );
}

function softmax(draw, builder) {
  const input = builder.source(draw);
  builder.layer(
    draw,
    { shape: builder.spec(input).shape, encoding: drawEncoding(draw, builder.wild) },
    { op: "softmax", input, axis: draw.below(3) },
  );
}

/** By the name of the operation; every one that the format knows has an entry (fuzz.test.js). */
export const LAYERS = {
  conv,
  dense,
  maxPool,
  avgPool,
  add,
  concat,
  gather,
  permute,
  activation,
  elementwise,
  binary,
  matmul,
  constant,
  resample,
  softmax,
};

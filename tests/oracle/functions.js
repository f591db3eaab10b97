// functions.js: functions of one and of two values, dropout, constants and softmax, with their slopes.
import { crc32 } from "../../dist/format/index.js";
import { stepsOf } from "../../dist/ops/index.js";
import { eachPlace, indexOf, strides } from "./places.js";

const inside = (x, low, high) => (x > low && x < high ? 1 : 0);
const clip = (x, low, high) => Math.min(Math.max(x, low), high);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Each function of one value: f and its slope, both of x and the function's parameters, and parameters to test it with. */
export const UNARY = {
  clip: [clip, inside, [-0.5, 0.8]],
  elu: [(x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)), (x, alpha) => (x < 0 ? alpha * Math.exp(x) : 1), [0.7]],
  hardSigmoid: [
    (x, alpha, beta) => clip(alpha * x + beta, 0, 1),
    (x, alpha, beta) => alpha * inside(alpha * x + beta, 0, 1),
    [0.2, 0.5],
  ],
  hardSwish: [(x) => x * clip(x / 6 + 0.5, 0, 1), (x) => clip(x / 6 + 0.5, 0, 1) + (x / 6) * inside(x, -3, 3), []],
  leakyRelu: [(x, alpha) => (x >= 0 ? x : alpha * x), (x, alpha) => (x >= 0 ? 1 : alpha), [0.1]],
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x), []],
  tanh: [Math.tanh, (x) => 1 / Math.cosh(x) ** 2, []],
};

/** [name, ...parameters] of every function of one value. */
export const FUNCTIONS_OF_ONE = Object.entries(UNARY).map(([fn, [, , parameters]]) => [fn, ...parameters]);

/** [f, slope along a, slope along b] of each function of two values. */
const BINARY = {
  add: [(a, b) => a + b, () => 1, () => 1],
  sub: [(a, b) => a - b, () => 1, () => -1],
  mul: [(a, b) => a * b, (_, b) => b, (a) => a],
  div: [(a, b) => a / b, (_, b) => 1 / b, (a, b) => -a / b ** 2],
  equal: [(a, b) => Number(a === b), () => 0, () => 0],
  less: [(a, b) => Number(a < b), () => 0, () => 0],
  max: [Math.max, (a, b) => Number(a >= b), (a, b) => Number(a < b)],
  min: [Math.min, (a, b) => Number(a <= b), (a, b) => Number(a > b)],
  mod: [(a, b) => a % b, () => 1, (a, b) => -Math.trunc(a / b)],
  pow: [(a, b) => a ** b, (a, b) => b * a ** (b - 1), (a, b) => a ** b * Math.log(a)],
  prelu: [(a, b) => (a >= 0 ? a : a * b), (a, b) => (a >= 0 ? 1 : b), (a) => Math.min(a, 0)],
};

/** A node that is one function of every value. @param functions of a call: [f, slope], both of x and its index */
function elementwise(functions) {
  return {
    forward: (call) => call.inputs[0].map(functions(call)[0]),
    backward(call, dy, [dx]) {
      const [, slope] = functions(call);
      for (const [i, x] of call.inputs[0].entries()) dx[i] += slope(x, i) * dy[i];
    },
  };
}

const unary = (fn, parameters) => UNARY[fn].slice(0, 2).map((f) => (x) => f(x, ...parameters));

/** What dropout multiplies value i with: a hash of seed and index decides, MurmurHash3's finalizer. */
function kept({ node: { name, rate }, mode, seed }, i) {
  if (mode !== "train") return 1;
  const own = crc32(new TextEncoder().encode(name));
  let h = Math.imul(i, 0x9e3779b1) + (seed ^ own);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = (h ^ (h >>> 16)) >>> 0;
  return h < Math.round(rate * 2 ** 32) ? 0 : 1 / (1 - rate);
}

/** Every product of a matrix product: the places of the sum, of its row's value and of its column's. */
function eachTerm({ shapes: [a, b], count, shape }, visit) {
  eachPlace(count, shape, (o, n, c, row, column) => {
    for (let k = 0; k < a[2]; k++) visit(o, indexOf(a, n, c, row, k), indexOf(b, n, c, k, column));
  });
}

export const FUNCTIONS = {
  relu: elementwise(({ node: { max = null } }) => unary("clip", [0, max ?? Number.POSITIVE_INFINITY])),
  leakyRelu: elementwise(({ node: { slope } }) => unary("leakyRelu", [slope])),
  activation: elementwise(({ node: { fn, parameters } }) => unary(fn, parameters)),
  elementwise: elementwise(({ node: { steps } }) => {
    const f = stepsOf(steps);
    // differences stand for the slope, which the engine takes from the chain rule
    return [f, (x) => (f(x + 1e-6) - f(x - 1e-6)) / 2e-6];
  }),
  dropout: elementwise((call) => [(x, i) => x * kept(call, i), (_, i) => kept(call, i)]),

  binary: {
    forward({ node: { fn }, inputs: [a, b], shapes: [shapeA, shapeB], count, shape }) {
      const y = [];
      eachPlace(count, shape, (_, ...at) =>
        y.push(BINARY[fn][0](a[indexOf(shapeA, ...at)], b[indexOf(shapeB, ...at)])),
      );
      return Float64Array.from(y);
    },
    backward({ node: { fn }, inputs: [a, b], shapes: [shapeA, shapeB], count, shape }, dy, [da, db]) {
      const [, slopeA, slopeB] = BINARY[fn];
      eachPlace(count, shape, (o, ...at) => {
        const [i, j] = [indexOf(shapeA, ...at), indexOf(shapeB, ...at)];
        da[i] += slopeA(a[i], b[j]) * dy[o];
        db[j] += slopeB(a[i], b[j]) * dy[o];
      });
    },
  },

  matmul: {
    forward(call) {
      const y = new Float64Array(call.count * call.shape[0] * call.shape[1] * call.shape[2]);
      eachTerm(call, (o, i, j) => {
        y[o] += call.inputs[0][i] * call.inputs[1][j];
      });
      return y;
    },
    backward(call, dy, [da, db]) {
      const [a, b] = call.inputs;
      eachTerm(call, (o, i, j) => {
        da[i] += b[j] * dy[o];
        db[j] += a[i] * dy[o];
      });
    },
  },

  constant: {
    forward({ node, count }) {
      const values = Array.from(node.values ?? node.value.data);
      return Float64Array.from(Array.from({ length: count }, () => values).flat());
    },
    backward() {},
  },

  softmax: {
    forward({ node: { axis }, inputs: [x], shape }) {
      const step = strides(shape)[axis];
      return x.map((value, i) => {
        const first = i - (Math.floor(i / step) % shape[axis]) * step;
        let sum = 0;
        for (let k = 0; k < shape[axis]; k++) sum += Math.exp(x[first + k * step] - value);
        return 1 / sum;
      });
    },
    /** dx_i = sum over the line of dy_k dy_k/dx_i = y_i (dy_i - sum dy_k y_k). */
    backward({ node: { axis }, shape }, dy, [dx], y) {
      const step = strides(shape)[axis];
      for (let i = 0; i < dx.length; i++) {
        const first = i - (Math.floor(i / step) % shape[axis]) * step;
        let sum = 0;
        for (let k = first, n = 0; n < shape[axis]; k += step, n++) sum += dy[k] * y[k];
        dx[i] += y[i] * (dy[i] - sum);
      }
    },
  },
};

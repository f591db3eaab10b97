// functions.ts: the nodes that have no kernel of their own, forward and backward in plain TypeScript: activation
// functions, arithmetic on two operands, constants, gathering, permuting, resampling, softmax.
import {
  type ActivationNode,
  activationOf,
  BINARY_SLOPES,
  type BinaryNode,
  binaryOf,
  type ConstantNode,
  type ElementwiseNode,
  elements,
  type GatherNode,
  gatheredPlaces,
  type MatmulNode,
  multiply,
  nodeInputs,
  type PermuteNode,
  permutedPlaces,
  type ResampleNode,
  type Shape,
  type SoftmaxNode,
  slopeOf,
  softmax,
  stepsOf,
  stepsSlopeOf,
  stridesOf,
} from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, volume } from "./layer.js";

type FunctionNode =
  | ActivationNode
  | BinaryNode
  | ConstantNode
  | ElementwiseNode
  | GatherNode
  | MatmulNode
  | PermuteNode
  | ResampleNode
  | SoftmaxNode;

/** Forward fills y; backward adds to the gradients that are wanted. All are batches, (count, channels, height, width). */
interface FunctionPass {
  forward(inputs: readonly Float32Array[], y: Float32Array, count: number): void;
  backward(
    inputs: readonly Float32Array[],
    y: Float32Array,
    dy: Float32Array,
    dxs: readonly (Float32Array | null)[],
    count: number,
  ): void;
}

const activationPass = ({ fn, parameters }: ActivationNode): FunctionPass =>
  unaryPass(activationOf(fn, parameters), slopeOf(fn, parameters));

const elementwisePass = ({ steps }: ElementwiseNode): FunctionPass => unaryPass(stepsOf(steps), stepsSlopeOf(steps));

/** @param slope at x, where the function is y */
function unaryPass(f: (x: number) => number, slope: (x: number, y: number) => number): FunctionPass {
  return {
    forward([x], y) {
      for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
    },
    backward([x], y, dy, [dx]) {
      if (dx) for (let i = 0; i < dy.length; i++) dx[i] += slope(x[i], y[i]) * dy[i];
    },
  };
}

/** The place of each element of `shape` in an array of `own` shape, axes of length 1 repeated. */
function repeatedPlaces(own: Shape, shape: Shape): Int32Array {
  const strides = stridesOf(own).map((stride, axis) => (own[axis] === 1 ? 0 : stride));
  const [, height, width] = shape;
  return Int32Array.from({ length: volume(shape) }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    return c * strides[0] + y * strides[1] + x * strides[2];
  });
}

function binaryPass({ fn }: BinaryNode, shapes: readonly Shape[], shape: Shape): FunctionPass {
  const [f, slopes] = [binaryOf(fn), BINARY_SLOPES[fn]];
  const [placesA, placesB] = shapes.map((own) => repeatedPlaces(own, shape));
  const [sizeA, sizeB] = shapes.map(volume);
  const size = volume(shape);
  return {
    forward([a, b], y, count) {
      for (let n = 0; n < count; n++) {
        for (let i = 0; i < size; i++) y[n * size + i] = f(a[n * sizeA + placesA[i]], b[n * sizeB + placesB[i]]);
      }
    },
    backward([a, b], _, dy, [da, db], count) {
      for (let n = 0; n < count; n++) {
        for (let i = 0; i < size; i++) {
          const [atA, atB] = [n * sizeA + placesA[i], n * sizeB + placesB[i]];
          const [slopeA, slopeB] = slopes(a[atA], b[atB]);
          if (da) da[atA] += slopeA * dy[n * size + i];
          if (db) db[atB] += slopeB * dy[n * size + i];
        }
      }
    },
  };
}

/** y = a b; da = dy bT and db = aT dy, added up over the matrices that one met. */
function matmulPass(_: MatmulNode, [a, b]: readonly Shape[], [batch, rows, columns]: Shape): FunctionPass {
  const depth = a[2];
  /** Every pair of matrices, as the places where the operands and the result begin. */
  const eachPair = (count: number, visit: (atA: number, atB: number, to: number) => void): void => {
    for (let n = 0; n < count * batch; n++) {
      const [image, matrix] = [Math.floor(n / batch), n % batch];
      const at = (shape: Shape): number => (image * shape[0] + (shape[0] === 1 ? 0 : matrix)) * shape[1] * shape[2];
      visit(at(a), at(b), n * rows * columns);
    }
  };
  return {
    forward([x, y], to, count) {
      eachPair(count, (atA, atB, at) => {
        const [left, right] = [x.subarray(atA, atA + rows * depth), y.subarray(atB, atB + depth * columns)];
        multiply(left, right, to.subarray(at, at + rows * columns), [rows, depth, columns]);
      });
    },
    backward([x, y], _y, dy, [dx, dw], count) {
      eachPair(count, (atA, atB, at) => {
        for (let i = 0; i < rows; i++) {
          for (let k = 0; k < depth; k++) {
            const factor = x[atA + i * depth + k];
            let sum = 0;
            for (let j = 0, from = at + i * columns, to = atB + k * columns; j < columns; j++, from++, to++) {
              sum += dy[from] * y[to];
              if (dw) dw[to] += factor * dy[from];
            }
            if (dx) dx[atA + i * depth + k] += sum;
          }
        }
      });
    },
  };
}

function constantPass({ value }: ConstantNode): FunctionPass {
  const { data } = value;
  return {
    forward(_, y, count) {
      for (let n = 0; n < count; n++) y.set(data, n * data.length);
    },
    backward() {},
  };
}

/** @param places for each element of the result the one of the input that it is; -1 for a fill */
function movePass(places: Int32Array, fill: number, inSize: number): FunctionPass {
  const size = places.length;
  return {
    forward([x], y, count) {
      for (let n = 0; n < count; n++) {
        for (let i = 0; i < size; i++) y[n * size + i] = places[i] < 0 ? fill : x[n * inSize + places[i]];
      }
    },
    backward(_, __, dy, [dx], count) {
      if (!dx) return;
      for (let n = 0; n < count; n++) {
        for (let i = 0; i < size; i++) if (places[i] >= 0) dx[n * inSize + places[i]] += dy[n * size + i];
      }
    },
  };
}

const gatherPass = (node: GatherNode, [input]: readonly Shape[]): FunctionPass =>
  movePass(gatheredPlaces(node, input), node.value, volume(input));

const permutePass = (node: PermuteNode, [input]: readonly Shape[]): FunctionPass =>
  movePass(permutedPlaces(node), 0, volume(input));

function resamplePass({ rows, columns }: ResampleNode, [input]: readonly Shape[], shape: Shape): FunctionPass {
  const [, height, width] = shape;
  const tall = rows.indices.length / height;
  const wide = columns.indices.length / width;
  /** Every product weight . x of every output. */
  const each = (count: number, visit: (o: number, i: number, weight: number) => void): void => {
    for (let p = 0; p < count * shape[0]; p++) {
      for (let o = 0; o < height * width; o++) {
        const [y, x] = [Math.floor(o / width), o % width];
        for (let j = y * tall; j < (y + 1) * tall; j++) {
          for (let i = x * wide; i < (x + 1) * wide; i++) {
            const place = (p * input[1] + rows.indices[j]) * input[2] + columns.indices[i];
            visit(p * height * width + o, place, rows.weights[j] * columns.weights[i]);
          }
        }
      }
    }
  };
  return {
    forward([x], y, count) {
      y.fill(0, 0, count * volume(shape));
      each(count, (o, i, weight) => {
        y[o] += weight * x[i];
      });
    },
    backward(_, __, dy, [dx], count) {
      if (!dx) return;
      each(count, (o, i, weight) => {
        dx[i] += weight * dy[o];
      });
    },
  };
}

/** dx = y (dy - sum(dy y)) along each line. */
function softmaxPass({ axis }: SoftmaxNode, _: readonly Shape[], shape: Shape): FunctionPass {
  const step = stridesOf(shape)[axis];
  const length = shape[axis];
  const line = new Float64Array(length);
  const eachLine = (count: number, visit: (first: number) => void): void => {
    const all = count * elements(shape);
    for (let i = 0; i < all; i++) if (Math.floor(i / step) % length === 0) visit(i);
  };
  return {
    forward([x], y, count) {
      eachLine(count, (first) => {
        for (let k = 0; k < length; k++) line[k] = x[first + k * step];
        softmax(line);
        for (let k = 0; k < length; k++) y[first + k * step] = line[k];
      });
    },
    backward(_, y, dy, [dx], count) {
      if (!dx) return;
      eachLine(count, (first) => {
        let sum = 0;
        for (let k = 0; k < length; k++) sum += dy[first + k * step] * y[first + k * step];
        for (let i = first, k = 0; k < length; k++, i += step) dx[i] += y[i] * (dy[i] - sum);
      });
    },
  };
}

/**
 * Makes the layer of a node that runs here.
 * @param passOf given the shapes of the node's inputs and of its result
 */
function runsHere<N extends FunctionNode>(
  passOf: (node: N, shapes: readonly Shape[], shape: Shape) => FunctionPass,
): (plan: ForwardPlan, node: N) => EngineLayer {
  const view = (memory: WebAssembly.Memory, address: number, shape: Shape, count: number): Float32Array =>
    new Float32Array(memory.buffer, address, count * volume(shape));
  return (plan, node) => {
    const names = nodeInputs(node);
    const inputs = names.map((name) => plan.tensor(name));
    const shapes = inputs.map(({ shape }) => shape);
    const output = plan.tensor(node.name);
    const pass = passOf(node, shapes, output.shape);
    return {
      output: node.name,
      inputs: names,
      forward({ memory }, count) {
        const xs = inputs.map(({ address, shape }) => view(memory, address, shape, count));
        pass.forward(xs, view(memory, output.address, output.shape, count), count);
      },
      planBackward(gradients) {
        const from = gradients.of(node.name);
        const targets = names.map((name) => gradients.into(name));
        return ({ memory }, count) => {
          const xs = inputs.map(({ address, shape }) => view(memory, address, shape, count));
          const dxs = targets.map((target, i) => target && view(memory, target.address, inputs[i].shape, count));
          for (const [i, dx] of dxs.entries()) if (dx && !targets[i]?.accumulate) dx.fill(0);
          const y = view(memory, output.address, output.shape, count);
          pass.backward(xs, y, view(memory, from, output.shape, count), dxs, count);
        };
      },
    };
  };
}

export const activationLayer = runsHere(activationPass);
export const elementwiseLayer = runsHere(elementwisePass);
export const binaryLayer = runsHere(binaryPass);
export const constantLayer = runsHere(constantPass);
export const gatherLayer = runsHere(gatherPass);
export const matmulLayer = runsHere(matmulPass);
export const permuteLayer = runsHere(permutePass);
export const resampleLayer = runsHere(resamplePass);
export const softmaxLayer = runsHere(softmaxPass);

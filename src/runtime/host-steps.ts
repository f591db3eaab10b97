// host-steps.ts: the steps that are plain TypeScript: what only moves raw values, and what has no integer form.
// They are cheap beside the convolutions around them, and no kernel of theirs has to be downloaded.
import {
  type ActivationLayer,
  activationOf,
  type BinaryLayer,
  binaryOf,
  type ConstantLayer,
  decoderOf,
  type ElementwiseLayer,
  elements,
  encodeInput,
  encoderOf,
  type GatherLayer,
  type Layer,
  layerInputs,
  type PermuteLayer,
  type ResampleLayer,
  type SoftmaxLayer,
  simplifiedOrder,
  softmax,
  stepsOf,
  stridesOf,
} from "../ops/index.js";
import { elementBytes } from "./memory.js";
import { type PlanContext, planeSize, type Step } from "./step.js";

/** A tensor in memory: planes `stride` elements apart, rows one behind the other. */
interface View {
  readonly values: Float32Array | Uint8Array;
  readonly stride: number;
}

/** Makes the output channels first..last-1, with the scratch memory at `scratch`. */
type Fill = (out: View, inputs: readonly View[], first: number, last: number, scratch: number) => void;

/** @param across whether the layer runs across channels, so that they cannot be shared among threads */
function stepOf(context: PlanContext, layer: Layer, fill: Fill, across = false): Step {
  const view = (tensor: string, buffer: ArrayBufferLike): View => {
    const { address, planeBytes } = context.place(tensor);
    const { shape, encoding } = context.spec(tensor);
    const bytes = elementBytes(encoding);
    const stride = planeBytes / bytes;
    const length = stride * (shape[0] - 1) + shape[1] * shape[2];
    const values = bytes === 4 ? new Float32Array(buffer, address, length) : new Uint8Array(buffer, address, length);
    return { values, stride };
  };
  const { shape } = context.spec(layer.output);
  const inputs = layerInputs(layer);
  const whole = across || elements(shape) === shape[0];
  return {
    name: layer.name,
    op: layer.op,
    units: whole ? 1 : shape[0],
    run({ buffer }, first, last, scratch) {
      const sources = inputs.map((name) => view(name, buffer));
      fill(view(layer.output, buffer), sources, whole ? 0 : first, whole ? shape[0] : last, scratch);
    },
  };
}

/** The input and the output of a layer that computes with real values. */
function tensorsOf(context: PlanContext, { input, output }: { readonly input: string; readonly output: string }) {
  const { shape, encoding } = context.spec(input);
  const out = context.spec(output);
  return { shape, encoding, out: out.shape, real: decoderOf(encoding), encode: encoderOf(out.encoding) };
}

export function planConstant(context: PlanContext, layer: ConstantLayer): Step {
  const plane = planeSize(context.spec(layer.output).shape);
  const values = new Float32Array(layer.values);
  return stepOf(context, layer, (to, _, first, last) => {
    for (let c = first; c < last; c++) to.values.set(values.subarray(c * plane, (c + 1) * plane), c * to.stride);
  });
}

export function planGather(context: PlanContext, layer: GatherLayer): Step {
  const { shape, encoding } = context.spec(layer.input);
  const [, height, width] = context.spec(layer.output).shape;
  const { channels, rows } = layer;
  const columns = Int32Array.from(layer.columns);
  const value = encodeInput(layer.value, encoding);
  const fill: Fill = ({ values, stride }, [from], first, last) => {
    for (let c = first; c < last; c++) {
      for (let y = 0, at = c * stride; y < height; y++, at += width) {
        if (channels[c] < 0 || rows[y] < 0) {
          values.fill(value, at, at + width);
          continue;
        }
        const start = channels[c] * from.stride + rows[y] * shape[2];
        for (let x = 0; x < width; x++) values[at + x] = columns[x] < 0 ? value : from.values[start + columns[x]];
      }
    }
  };
  return stepOf(context, layer, fill);
}

export function planPermute(context: PlanContext, layer: PermuteLayer): Step {
  const [inShape, outShape] = [layer.input, layer.output].map((tensor) => context.spec(tensor).shape);
  const size = elements(inShape);
  // vectors lie close together, as one plane does
  const [inPlane, outPlane] = [inShape, outShape].map((shape) => (planeSize(shape) === 1 ? size : planeSize(shape)));
  const { lengths, places } = simplifiedOrder(layer.dims, layer.order);
  const strides = stridesOf(lengths);
  const [axis = 0] = places.slice(-1);
  const [whole, step] = [lengths[axis] ?? 1, strides[axis] ?? 1];
  // lines of the result that no plane's end cuts; an input's end may, where it is walked in larger steps
  const line = greatestDivisor(greatestDivisor(whole, outPlane), step === 1 ? inPlane : whole);
  const result = [...places.slice(0, -1).map((one) => lengths[one]), whole / line];
  const steps = [...places.slice(0, -1).map((one) => strides[one]), step * line];
  const fill: Fill = (to, [from], first, last) => {
    const apart = (place: number): number => Math.floor(place / inPlane) * from.stride + (place % inPlane);
    const begin = first * planeSize(outShape);
    const index = new Array<number>(result.length).fill(0);
    let place = 0;
    for (let k = result.length - 1, rest = begin / line; k >= 0; rest = Math.floor(rest / result[k--])) {
      index[k] = rest % result[k];
      place += index[k] * steps[k];
    }
    for (let i = begin; i < last * planeSize(outShape); i += line) {
      const out = Math.floor(i / outPlane) * to.stride + (i % outPlane);
      const start = apart(place);
      const inside = (place % inPlane) + step * (line - 1) < inPlane;
      const between = inside ? step : step % inPlane === 0 ? (step / inPlane) * from.stride : 0;
      if (between > 0) for (let k = 0; k < line; k++) to.values[out + k] = from.values[start + k * between];
      else for (let k = 0; k < line; k++) to.values[out + k] = from.values[apart(place + k * step)];
      for (let k = result.length - 1; k >= 0; k--) {
        place += steps[k];
        if (++index[k] < result[k]) break;
        place -= steps[k] * result[k];
        index[k] = 0;
      }
    }
  };
  return stepOf(context, layer, fill);
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

export const planActivation = (context: PlanContext, layer: ActivationLayer): Step =>
  planFunction(context, layer, activationOf(layer.fn, layer.parameters));

export const planElementwise = (context: PlanContext, layer: ElementwiseLayer): Step =>
  planFunction(context, layer, stepsOf(layer.steps));

/** A function of every value: of integers a table. */
function planFunction(
  context: PlanContext,
  layer: ActivationLayer | ElementwiseLayer,
  fn: (x: number) => number,
): Step {
  const { shape, encoding, real, encode } = tensorsOf(context, layer);
  const plane = planeSize(shape);
  const next = (raw: number): number => encode(fn(real(raw)));
  const table = encoding.kind === "float32" ? null : Float32Array.from({ length: 256 }, (_, q) => next(q));
  const fill: Fill = (to, [from], first, last) => {
    for (let c = first; c < last; c++) {
      const [a, b] = [c * from.stride, c * to.stride];
      if (table) for (let i = 0; i < plane; i++) to.values[b + i] = table[from.values[a + i]];
      else for (let i = 0; i < plane; i++) to.values[b + i] = next(from.values[a + i]);
    }
  };
  return stepOf(context, layer, fill);
}

export function planBinary(context: PlanContext, layer: BinaryLayer): Step {
  const { shape, out, real, encode } = tensorsOf(context, layer);
  const [, height, width] = out;
  const fn = binaryOf(layer.fn);
  const other = context.spec(layer.other);
  const realOther = decoderOf(other.encoding);
  const [a, b] = [shape, other.shape].map(([n, h, w]) => {
    return { channel: n === 1 ? 0 : 1, row: h === 1 ? 0 : w, column: w === 1 ? 0 : 1 };
  });
  const fill: Fill = (to, [x, y], first, last) => {
    for (let c = first; c < last; c++) {
      let at = c * to.stride;
      for (let row = 0; row < height; row++) {
        let i = c * a.channel * x.stride + row * a.row;
        let j = c * b.channel * y.stride + row * b.row;
        for (let column = 0; column < width; column++, i += a.column, j += b.column) {
          to.values[at++] = encode(fn(real(x.values[i]), realOther(y.values[j])));
        }
      }
    }
  };
  return stepOf(context, layer, fill);
}

export function planResample(context: PlanContext, layer: ResampleLayer): Step {
  const { shape, out, real, encode } = tensorsOf(context, layer);
  const [, height, width] = out;
  const { rows, columns } = layer;
  const tall = rows.indices.length / height;
  const wide = columns.indices.length / width;
  const fill: Fill = (to, [from], first, last) => {
    for (let c = first; c < last; c++) {
      let at = c * to.stride;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let j = y * tall; j < (y + 1) * tall; j++) {
            const start = c * from.stride + rows.indices[j] * shape[2];
            let line = 0;
            for (let i = x * wide; i < (x + 1) * wide; i++) {
              line += columns.weights[i] * real(from.values[start + columns.indices[i]]);
            }
            sum += rows.weights[j] * line;
          }
          to.values[at++] = encode(sum);
        }
      }
    }
  };
  return stepOf(context, layer, fill);
}

export function planSoftmax(context: PlanContext, layer: SoftmaxLayer): Step {
  const { shape, real, encode } = tensorsOf(context, layer);
  const width = shape[2];
  const { axis } = layer;
  const length = shape[axis];
  context.memory.needScratch(8 * length);
  const fill: Fill = (to, [from], _first, _last, scratch) => {
    const values = new Float64Array(to.values.buffer, scratch, length);
    const place = (view: View, at: readonly number[], k: number): number => {
      const [c, y, x] = at.map((n, i) => (i === axis ? k : n));
      return c * view.stride + y * width + x;
    };
    const lines = shape.map((n, i) => (i === axis ? 1 : n));
    for (let c = 0; c < lines[0]; c++) {
      for (let y = 0; y < lines[1]; y++) {
        for (let x = 0; x < lines[2]; x++) {
          for (let k = 0; k < length; k++) values[k] = real(from.values[place(from, [c, y, x], k)]);
          softmax(values);
          for (let k = 0; k < length; k++) to.values[place(to, [c, y, x], k)] = encode(values[k]);
        }
      }
    }
  };
  return stepOf(context, layer, fill, true);
}

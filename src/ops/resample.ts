// resample.ts: weighted sums of rows and columns: enlarging and shrinking by interpolation.
import type { Check } from "../format/index.js";
import { shape, taps, tensor } from "./field.js";
import { elements } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { decoderOf, encoderOf } from "./numeric.js";
import type { AxisWeights, Shape } from "./tensor.js";

/** Weighted sums along rows and columns. Any encodings. */
export interface ResampleLayer {
  readonly op: "resample";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly rows: AxisWeights;
  readonly columns: AxisWeights;
}

/** Weighted sums of rows and columns: interpolation. */
export interface ResampleNode {
  readonly op: "resample";
  readonly name: string;
  readonly input: string;
  readonly shape: Shape;
  readonly rows: AxisWeights;
  readonly columns: AxisWeights;
}

function checkTaps(layer: Pick<ResampleLayer, "rows" | "columns">, input: Shape, output: Shape, check: Check): void {
  check(output[0] === input[0], "output", `${input[0]} channels`, output[0]);
  for (const [axis, field] of [[1, "rows"] as const, [2, "columns"] as const]) {
    const { indices, weights } = layer[field];
    const [from, to] = [input[axis], output[axis]];
    const whole = indices.length === weights.length && indices.length >= to && indices.length % to === 0;
    check(whole, field, `as many indices as weights, a multiple of ${to}`, [indices.length, weights.length]);
    const inside = indices.every((n) => Number.isInteger(n) && n >= 0 && n < from);
    check(inside, `${field}.indices`, `integers in 0..${from - 1}`, indices);
    check(weights.every(Number.isFinite), `${field}.weights`, "finite numbers", weights);
  }
}

export const resampleLayer: LayerKind<ResampleLayer> = {
  since: 1,
  fields: { input: tensor, rows: taps, columns: taps },
  check: (layer, [input], output, check) => checkTaps(layer, input.shape, output.shape, check),
  run({ rows, columns }, [{ spec, raw }], { shape: [channels, outHeight, outWidth], encoding }) {
    const [, height, width] = spec.shape;
    const real = decoderOf(spec.encoding);
    const encode = encoderOf(encoding);
    const tall = rows.indices.length / outHeight;
    const wide = columns.indices.length / outWidth;
    const result = new Float32Array(elements([channels, outHeight, outWidth]));
    let at = 0;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          let sum = 0;
          for (let j = y * tall; j < (y + 1) * tall; j++) {
            let line = 0;
            for (let i = x * wide; i < (x + 1) * wide; i++) {
              line += columns.weights[i] * real(raw[(c * height + rows.indices[j]) * width + columns.indices[i]]);
            }
            sum += rows.weights[j] * line;
          }
          result[at++] = encode(sum);
        }
      }
    }
    return result;
  },
};

export const resampleNode: NodeKind<ResampleNode> = {
  since: 1,
  fields: { input: tensor, shape, rows: taps, columns: taps },
  role: () => "float",
  shape(node, [input], check: Check) {
    checkTaps(node, input, node.shape, check);
    return node.shape;
  },
  lower({ op, name, rows, columns }, { sources: [input], output, encoding, push }) {
    // no file holds -0
    const held = ({ indices, weights }: AxisWeights): AxisWeights => ({ indices, weights: weights.map((w) => w + 0) });
    push<ResampleLayer>({ op, name, input, output, rows: held(rows), columns: held(columns) }, encoding);
  },
};

// draft.ts: a model under way, to which random layers are added: what the cost table is fitted on.
import type { Random } from "../../base/index.js";
import type { ModelDef } from "../../model/index.js";
import {
  convOutputShape,
  type Encoding,
  type Epilogue,
  elements,
  type Layer,
  largestOf,
  layerInputs,
  type Shape,
  type TensorSpec,
  type Weights,
} from "../../ops/index.js";

/** Half of the levels of each table: the sizes of those that are not 0. */
const BOOKS: readonly (readonly number[])[] = [
  [1],
  [1, 2],
  [1, 2, 4],
  [1, 2, 3],
  [2, 5, 9],
  [1, 2, 4, 8],
  [1, 2, 3, 4, 6, 8, 12],
  [1, 2, 3, 4, 5, 6, 7],
  [1, 2, 4, 8, 16, 32, 64, 128],
  [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28],
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18, 20, 24, 28, 30, 31, 32, 34, 36, 40, 48, 56, 60, 62, 63, 64],
];

/** Codes that those of a layer are drawn from. */
const DECK = 2 ** 12;

export const FLOAT32: Encoding = { kind: "float32" };

/** A linear encoding. */
export const linear = (max = 255, zero = 0): Encoding => ({ kind: "linear", scale: Math.fround(0.05), zero, max });

/** An encoding by a table of levels. */
export const LEVELS: Encoding = {
  kind: "levels",
  scale: Math.fround(0.05),
  levels: [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181],
  thresholds: [0.5, 1.5, 2.5, 3.5, 5, 7, 9.5, 13.5, 19.5, 27.5, 38.5, 54.5, 77.5, 109.5, 154.5],
};

/** The window of a convolution; all is 1 and without padding unless it is given. */
export interface ConvFields {
  readonly channels: number;
  readonly kernel?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding?: readonly [number, number, number, number];
  readonly groups?: number;
  readonly output?: Encoding;
  readonly residual?: string;
}

type Named<L> = L extends Layer ? Omit<L, "name" | "output"> : never;

/** Builds a chain of layers, each on the tensor before it unless another is named. */
export class Draft {
  readonly tensors: Record<string, TensorSpec> = {};
  readonly #layers: Layer[] = [];
  readonly #inputs: string[] = [];

  constructor(readonly random: Random) {}

  /** Adds an input of the model; returns its tensor. */
  input(shape: Shape, encoding: Encoding): string {
    const name = `x${this.#inputs.length}`;
    this.#inputs.push(name);
    this.tensors[name] = { shape, encoding };
    return name;
  }

  /** Adds any layer; returns its output. */
  add(layer: Named<Layer>, shape: Shape, encoding: Encoding): string {
    const name = `t${this.#layers.length}`;
    this.tensors[name] = { shape, encoding };
    this.#layers.push({ ...layer, name, output: name } as Layer);
    return name;
  }

  /** Adds a convolution with random weights: float32 ones where its input is float32. */
  conv(input: string, fields: ConvFields): string {
    const { channels, output, residual, ...given } = fields;
    const window = {
      kernel: [1, 1],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [0, 0, 0, 0],
      groups: 1,
      ...given,
    } as const;
    const { shape, encoding } = this.tensors[input];
    const depth = (shape[0] / window.groups) * elements(window.kernel);
    return this.add(
      {
        op: "conv",
        input,
        ...window,
        weights: this.#weights(channels * depth, encoding),
        epilogue: this.#epilogue(channels, depth, encoding),
        ...(residual === undefined ? {} : { residual: { tensor: residual, scale: 0.5 } }),
      },
      convOutputShape(shape, channels, window),
      output ?? encoding,
    );
  }

  /** Adds a dense layer with random weights. */
  dense(input: string, outputs: number, output?: Encoding): string {
    const { shape, encoding } = this.tensors[input];
    const depth = elements(shape);
    const weights = this.#weights(outputs * depth, encoding);
    const epilogue = this.#epilogue(outputs, depth, encoding);
    return this.add({ op: "dense", input, weights, epilogue }, [outputs, 1, 1], output ?? encoding);
  }

  /** An epilogue of any other layer: scale 1, offset 0. */
  plainEnding(): Epilogue {
    return { scale: Float32Array.of(1), offset: Float32Array.of(0), clamp: {} };
  }

  /** The model. Every tensor that no layer reads is an output. */
  model(name: string): ModelDef {
    const read = new Set(this.#layers.flatMap(layerInputs));
    const ports = (tensors: readonly string[]) => tensors.map((tensor) => ({ name: tensor, tensor }));
    const outputs = Object.keys(this.tensors).filter((tensor) => !read.has(tensor));
    return { name, inputs: ports(this.#inputs), outputs: ports(outputs), tensors: this.tensors, layers: this.#layers };
  }

  /** Values of about 1, or levels of a table that is drawn, more or less of them 0. */
  #weights(length: number, encoding: Encoding): Weights {
    const { random } = this;
    if (encoding.kind === "float32") {
      return { kind: "float32", values: Float32Array.from({ length }, () => random.normal()) };
    }
    const book = BOOKS[random.below(BOOKS.length)];
    const levels = [...book.map((level) => -level).reverse(), 0, ...book];
    const zeros = random.below(2) === 0 ? 0 : 0.8 * random.uniform();
    const spread = (0.3 + 0.3 * random.uniform()) * book[book.length - 1];
    const deck = Uint8Array.from({ length: DECK }, () =>
      random.uniform() < zeros ? book.length : nearest(levels, spread * random.normal()),
    );
    const codes = Uint8Array.from({ length }, () => deck[random.uint32() % DECK]);
    return { kind: "codebook", levels, codes };
  }

  /** Sums brought to the middle of the range of the output. */
  #epilogue(channels: number, depth: number, encoding: Encoding): Epilogue {
    const isFloat = encoding.kind === "float32";
    const spread = isFloat ? 1 : 4 * (largestOf(encoding) ?? 1);
    const scale = 30 / (spread * Math.sqrt(depth));
    const values = (value: () => number): Float32Array => Float32Array.from({ length: channels }, value);
    const { random } = this;
    return {
      scale: values(() => (isFloat ? 1 / Math.sqrt(depth) : scale) * (0.5 + random.uniform())),
      offset: values(() => (isFloat ? 0.1 : 20) * random.normal()),
      clamp: {},
    };
  }
}

function nearest(levels: readonly number[], value: number): number {
  let best = 0;
  for (let code = 1; code < levels.length; code++) {
    if (Math.abs(levels[code] - value) < Math.abs(levels[best] - value)) best = code;
  }
  return best;
}

// part-ways.ts: two models of one network layer by layer, and the place where they part.
import { decibels, ShiftwiseError, squaresAboutMean } from "../base/index.js";
import { type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { pause } from "../engine/index.js";
import type { ModelDef } from "../model/index.js";
import { toReal } from "../ops/index.js";
import { Model } from "../runtime/index.js";
import type { OutputFidelity } from "../training/index.js";
import { createModelFidelity } from "./answers.js";
import type { MeasureControl } from "./measure.js";

/**
 * The difference between what two models make of one tensor.
 * @internal
 */
export interface TensorDifference {
  readonly tensor: string;
  /** The name of the layer that writes it in the first model, by which settings know it, and its kind; of an input its name and "input". */
  readonly layer: string;
  readonly op: string;
  readonly isOutput: boolean;
  /** Signal to noise in dB; 300 for no error, null where the first model's values are all the same. */
  readonly snr: number | null;
}

/**
 * The result of partWays.
 * @internal
 */
export interface PartedWays {
  readonly tensors: readonly TensorDifference[];
  /** The second model's outputs against the first one's; none where these are not alike. */
  readonly outputs: readonly OutputFidelity[];
}

/** Sums of one tensor, by channel. */
interface Sums {
  readonly count: Float64Array;
  readonly origin: Float64Array;
  readonly of: Readonly<Record<"a" | "aa" | "bb" | "ab", Float64Array>>;
}

/**
 * Runs two models on the same samples and compares all tensors that both have, in the order of the first. Channels of inner tensors are compared up to a
 * factor of their own: equalization moves factors between layers, and a layer's scale takes them in.
 * @throws BAD_DATA for models without a tensor or inputs in common; ABORTED
 * @internal
 */
export async function partWays(
  before: ModelDef,
  after: ModelDef,
  samples: Samples | SamplesByInput,
  { signal, onProgress }: MeasureControl = {},
): Promise<PartedWays> {
  const defs = [before, after];
  const [own, others] = defs.map(({ tensors }) => new Map(Object.keys(tensors).map((name) => [plainName(name), name])));
  const outputs = new Set(before.outputs.map(({ tensor }) => plainName(tensor)));
  const sizes = (def: ModelDef, name: string | undefined): string =>
    name === undefined ? "none" : def.tensors[name].shape.join("x");
  const shared = [...own.keys()].filter((name) => sizes(before, own.get(name)) === sizes(after, others.get(name)));
  if (shared.length === 0) {
    throw new ShiftwiseError("BAD_DATA", "models that have nothing in common", {
      where: `${before.name}, ${after.name}`,
      expected: "two models of one network",
    });
  }
  const sums = new Map(shared.map((name) => [name, emptySums(before.tensors[own.get(name)!].shape[0])]));
  const fidelity = outputSizes(before) === outputSizes(after) ? createModelFidelity(before) : null;
  const names = after.outputs.map(({ name }) => name);
  const models: Model[] = [];
  try {
    for (const def of defs) {
      models.push(await Model.from({ ...def, inputs: def.inputs.map((port) => ({ ...port, channelsLast: false })) }));
    }
    const inputs = before.inputs.map(({ name, tensor }) => ({ name, shape: before.tensors[tensor].shape }));
    const reader = samplesReader(inputs, samples, before.name);
    for (let i = 0; i < reader.count; i++) {
      const given = Object.fromEntries(reader.read(i, 1));
      const expected = new Map<string, Float32Array>();
      const right = models[0].trace(given, (tensor, raw) => {
        const name = plainName(tensor);
        if (sums.has(name)) expected.set(name, toReal(raw.slice(), before.tensors[tensor].encoding));
      });
      const found = models[1].trace(given, (tensor, raw) => {
        const name = plainName(tensor);
        const values = expected.get(name);
        if (values) add(sums.get(name)!, values, toReal(raw.slice(), after.tensors[tensor].encoding));
        expected.delete(name);
      });
      fidelity?.add(new Map(Object.entries(right)), new Map(Object.entries(found)), names);
      await onProgress?.((i + 1) / reader.count);
      if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while comparing layers");
      await pause();
    }
  } finally {
    for (const model of models) model.dispose();
  }
  const writers = new Map<string, { readonly name: string; readonly op: string }>([
    ...before.inputs.map(({ tensor, name }) => [plainName(tensor), { name, op: "input" }] as const),
    ...before.layers.map((layer) => [plainName(layer.output), layer] as const),
  ]);
  const order = new Map([...writers.keys()].map((name, i) => [name, i]));
  const tensors = shared
    .sort((a, b) => order.get(a)! - order.get(b)!)
    .map((tensor): TensorDifference => {
      const { name: layer, op } = writers.get(tensor)!;
      return {
        tensor,
        layer,
        op,
        isOutput: outputs.has(tensor),
        snr: ratioOf(sums.get(tensor)!, !outputs.has(tensor)),
      };
    });
  return { tensors, outputs: fidelity?.read().outputs ?? [] };
}

const outputSizes = ({ outputs, tensors }: ModelDef): string =>
  outputs.map(({ tensor }) => tensors[tensor].shape.join("x")).join(" ");

/** The name of a tensor in the float network: quantize nodes put a word behind it. */
const plainName = (tensor: string): string => tensor.replace(/\.quantized$/, "");

function emptySums(channels: number): Sums {
  const make = () => new Float64Array(channels);
  return { count: make(), origin: make(), of: { a: make(), aa: make(), bb: make(), ab: make() } };
}

function add({ count, origin, of }: Sums, expected: Float32Array, found: Float32Array): void {
  const plane = expected.length / count.length;
  for (let c = 0; c < count.length; c++) {
    if (count[c] === 0) origin[c] = expected[c * plane];
    count[c] += plane;
    for (let i = c * plane; i < (c + 1) * plane; i++) {
      const [a, b] = [expected[i], found[i]];
      of.a[c] += a;
      of.aa[c] += a * a;
      of.bb[c] += b * b;
      of.ab[c] += a * b;
    }
  }
}

/** @param scaled whether each channel may have a factor, the best one */
function ratioOf({ count, of }: Sums, scaled: boolean): number | null {
  let [total, sum, square, noise] = [0, 0, 0, 0];
  for (let c = 0; c < count.length; c++) {
    total += count[c];
    sum += of.a[c];
    square += of.aa[c];
    const factor = scaled && of.ab[c] > 0 ? of.ab[c] / of.bb[c] : 1;
    noise += Math.max(0, of.aa[c] - 2 * factor * of.ab[c] + factor ** 2 * of.bb[c]);
  }
  // what differs by less than sums of float64 can tell is the same
  const floor = 1e-13 * square;
  return decibels(squaresAboutMean(total, 0, sum, square), noise <= floor ? 0 : noise);
}

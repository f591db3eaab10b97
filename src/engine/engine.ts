// engine.ts: a network compiled for one batch size: memory laid out once, then forward, loss and backward on it.

import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { inferShapes, inputsOf, NETWORK, type Network } from "../graph/index.js";
import type { Shape } from "../ops/index.js";
import { type Aim, approach } from "./approach.js";
import { compile, type Pair } from "./compile.js";
import { planGradients } from "./gradients.js";
import { type Mode, volume } from "./layer.js";
import { type ParameterLayout, readParameters, readStatistics } from "./parameters.js";
import { LossJob } from "./wasm.generated.js";
import { compileModule, instantiate } from "./wasm.js";

/** Options of `createEngine`. */
export interface EngineOptions {
  /** Most images of one call. */
  readonly batch: number;
  /** Plan a backward pass too. Default true. */
  readonly gradients?: boolean;
  /** Tensors that must exist by themselves, to be read with `tensor`. Default: only the outputs. */
  readonly keep?: readonly string[];
  /** Default: compiled anew from build/training.wasm. */
  readonly module?: WebAssembly.Module;
}

const OPTIONS = is.record<EngineOptions>({
  batch: is.number,
  gradients: is.optional(is.boolean),
  keep: is.optional(is.list(is.text)),
  module: is.optional(is.kind("a WebAssembly.Module", (value) => value instanceof WebAssembly.Module)),
});
const isMap = (value: unknown): value is ReadonlyMap<string, Float32Array> => value instanceof Map;
const IMAGES = is.either(isMap, is.map(is.floats), is.floats);
const MODE = is.oneOf("train", "frozen", "eval");

/** Targets from another network. */
export interface SoftTargets {
  /** (count, classes), the teacher's for the same images. */
  readonly logits: Float32Array;
  /** Both networks' logits are divided by it, above 0. */
  readonly temperature: number;
  /** The share of the distillation in the loss, in 0..1; the cross-entropy has the rest. */
  readonly share: number;
}
const SOFT = is.nullable(is.record<SoftTargets>({ logits: is.floats, temperature: is.number, share: is.number }));

/** The loss of a batch. */
export interface BatchLoss {
  /** Sum over the images of their loss. */
  readonly loss: number;
  /** Images whose largest logit is the label's. */
  readonly correct: number;
}

/** All arrays are views of the engine's memory; they stay valid and change with every call. */
export interface Engine {
  readonly batch: number;
  /** The length of the one output, a vector of logits; 0 for a network that ends in anything else. */
  readonly classes: number;
  /** The shape of the first input. */
  readonly inputShape: Shape;
  readonly layout: ParameterLayout;
  /** Values and gradients of all parameters, ordered as in `layout`. Write the values to change the network. */
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  /** Running batch norm statistics, read in "frozen" and "eval" mode; those of the last "train" batch (variance biased). */
  readonly running: { readonly mean: Float32Array; readonly variance: Float32Array };
  readonly statistics: { readonly mean: Float32Array; readonly variance: Float32Array };
  /** Bytes of memory taken. */
  readonly bytes: number;
  /**
   * Returns the first output, (count, channels, height, width); logits are (count, classes).
   * @param images normalized, (count, channels, height, width); of several inputs by their names.
   * @param seed of what dropout draws in "train" mode; a uint32. Default 0.
   */
  forward(
    images: Float32Array | ReadonlyMap<string, Float32Array>,
    count: number,
    mode: Mode,
    seed?: number,
  ): Float32Array;
  /**
   * The loss of the logits of the last forward pass: (1 - share) CE + share T^2 KL(teacher || network), with CE the softmax
   * cross-entropy of the labels, smoothed, and KL at temperature T; without soft targets CE alone.
   * @throws UNSUPPORTED for a network whose output is no vector of logits
   * @param divisor what the sum's gradient is divided by: the number of images in the whole batch.
   */
  loss(labels: Uint8Array, divisor: number, smoothing: number, soft?: SoftTargets | null): BatchLoss;
  /**
   * The distance of the last forward pass's outputs from a teacher's on the same images, the mean over all aims, in place of
   * the loss of labels.
   * @param targets the teacher's values, one for each aim
   * @param divisor as of `loss`
   * @returns the sum over the images
   */
  approach(aims: readonly Aim[], targets: readonly Float32Array[], divisor: number, temperature: number): number;
  /** Gradients of the last loss. */
  backward(): void;
  /** The values of a tensor in the last forward pass, (count, channels, height, width). */
  tensor(name: string): Float32Array;
  /** Name of the first tensor of the last forward pass with a NaN or an infinity. */
  firstNonFinite(): string | null;
}

/**
 * Compiles a network with any outputs; only a loss of labels needs a single one, a vector of logits. The network's
 * parameters are copied in.
 * @throws BAD_GRAPH as inferShapes does; BAD_OPTION for a batch below 1; OVERFLOW when the memory plan exceeds 4 GiB.
 */
export function createEngine(network: Network, options: EngineOptions): Engine {
  given({ network, options }, { network: NETWORK, options: OPTIONS });
  const { batch, gradients = true, keep = [] } = options;
  if (!Number.isInteger(batch) || batch < 1) {
    throw new ShiftwiseError("BAD_OPTION", "batch size out of range", {
      expected: "an integer of 1 or more",
      found: batch,
      where: "batch",
    });
  }
  const shapes = inferShapes(network);
  const inputs = inputsOf(network);
  if (inputs.length === 0) throw new ShiftwiseError("BAD_GRAPH", "no input node", { where: network.name });

  const { plan, layout, layers, tensors, stay, values, slopes, running, batchStatistics } = compile(
    network,
    shapes,
    batch,
    keep,
    !gradients,
  );
  const { arena } = plan;
  const [first] = network.outputs;
  const classes = logitsOf(network, shapes);
  const labels = arena.reserve(batch);
  const teacher = arena.reserve(batch * classes * 4);
  const result = arena.reserve(16);
  const backward = gradients ? planGradients(plan, layers, network.outputs) : null;
  const lossJob = arena.record(LossJob, {
    classes,
    logits: tensors.get(first)!,
    dlogits: backward?.slopes.get(first) ?? arena.reserve(batch * classes * 4),
    labels,
    teacher,
    probabilities: arena.reserve(2 * classes * 8),
    result,
  });

  const { kernels, memory } = instantiate(options.module ?? compileModule(), arena.size());
  const { buffer } = memory;
  arena.fill(buffer);
  const floats = (address: number, length: number) => new Float32Array(buffer, address, length);
  const parameters = floats(values, layout.length);
  const pair = ({ mean, variance }: Pair) => ({
    mean: floats(mean, layout.channels),
    variance: floats(variance, layout.channels),
  });
  const runningStatistics = pair(running);
  readParameters(layout, parameters);
  readStatistics(layout, runningStatistics.mean, runningStatistics.variance);
  let current = 0;
  const LABELS: Kind = (value, where) => {
    is.bytes(value, where);
    const own = (value as Uint8Array).subarray(0, current);
    const bad = own.findIndex((label) => label >= classes);
    if (bad >= 0) throw is.refused(`${where}[${bad}]`, `0..${classes - 1}`, own[bad]);
    if (own.length < current) throw is.refused(where, `${current} labels`, value);
  };

  const tensor = (name: string): Float32Array => {
    const address = tensors.get(name);
    if (address === undefined || !stay.has(name)) {
      throw new ShiftwiseError("BAD_OPTION", "no such tensor, or one fused with its neighbours", {
        expected: "a tensor named in `keep`",
        found: name,
        where: network.name,
      });
    }
    return floats(address, current * volume(shapes.get(name)!));
  };

  return {
    batch,
    classes,
    inputShape: inputs[0].shape,
    layout,
    parameters,
    gradients: floats(slopes, layout.length),
    running: runningStatistics,
    statistics: pair(batchStatistics),
    bytes: arena.size(),
    forward(images, count, mode, seed = 0) {
      given({ images, count, mode, seed }, { images: IMAGES, count: is.number, mode: MODE, seed: is.number });
      const byInput = isMap(images) ? images : new Map([[inputs[0].name, images]]);
      for (const { name, shape } of inputs) {
        const size = volume(shape);
        const values = byInput.get(name);
        if (!Number.isInteger(count) || count < 1 || count > batch || values?.length !== count * size) {
          throw new ShiftwiseError("BAD_DATA", "batch of the wrong size", {
            expected: `1..${batch} images of ${size} values`,
            found: `${count} images in ${values?.length ?? "no"} values`,
            where: inputs.length === 1 ? network.name : `${network.name}: ${name}`,
          });
        }
        floats(tensors.get(name)!, values.length).set(values);
      }
      current = count;
      for (const layer of layers) layer.forward(kernels, count, mode, seed);
      return tensor(first);
    },
    loss(target, divisor, smoothing, soft = null) {
      if (classes === 0) {
        throw new ShiftwiseError("UNSUPPORTED", "labels need one vector of logits", {
          expected: "one output of shape n x 1 x 1",
          found: network.outputs.map((name) => `${name} ${shapes.get(name)!.join("x")}`).join(", "),
          where: network.name,
        });
      }
      given(
        { labels: target, divisor, smoothing, soft },
        { labels: LABELS, divisor: is.number, smoothing: is.number, soft: SOFT },
      );
      new Uint8Array(buffer, labels, current).set(target.subarray(0, current));
      // a share of 0 makes every slope 0
      kernels.softmaxCrossEntropy(lossJob, current, smoothing, soft ? divisor / (1 - soft.share) : divisor);
      const [loss, correct] = new Float64Array(buffer, result, 2);
      if (!soft) return { loss, correct };
      floats(teacher, current * classes).set(soft.logits);
      const distance = kernels.distill(lossJob, current, soft.temperature, soft.share, divisor);
      return { loss: (1 - soft.share) * loss + soft.share * distance, correct };
    },
    approach(aims, targets, divisor, temperature) {
      let sum = 0;
      for (const name of network.outputs) {
        const i = aims.findIndex(({ output }) => output === name);
        const found = tensor(name);
        const address = backward?.slopes.get(name);
        const slope = address === undefined ? new Float32Array(found.length) : floats(address, found.length);
        if (i < 0) slope.fill(0);
        else
          sum += approach(
            aims[i],
            shapes.get(name)!,
            found,
            targets[i],
            slope,
            1 / (aims.length * divisor),
            temperature,
          );
      }
      return sum / aims.length;
    },
    backward() {
      for (const step of backward?.steps ?? []) step(kernels, current);
    },
    tensor,
    firstNonFinite() {
      for (const name of stay) {
        if (kernels.firstNonFinite(tensors.get(name)!, current * volume(shapes.get(name)!)) >= 0) return name;
      }
      return null;
    },
  };
}

/** The number of logits of a network with one output, a vector; else 0. */
function logitsOf({ outputs }: Network, shapes: ReadonlyMap<string, Shape>): number {
  const [classes, height, width] = shapes.get(outputs[0])!;
  return outputs.length === 1 && height * width === 1 ? classes : 0;
}

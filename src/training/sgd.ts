// sgd.ts: the optimizer: parameters, gradient and momentum in an instance of their own, updated by one kernel call.
import type { WeightGrids } from "../graph/index.js";
import { createArena } from "./arena.js";
import type { ParameterLayout } from "./parameters.js";
import { instantiate } from "./wasm.js";

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Infinity for none. */
  readonly clip: number;
}

export interface Optimizer {
  /** All views stay valid; ordered as the layout says. */
  readonly parameters: Float32Array;
  readonly velocity: Float32Array;
  /** Gradient of the step so far: the first shard overwrites, the others add. */
  setGradient(gradient: Float32Array): void;
  addGradient(gradient: Float32Array): void;
  /** Weights that INQ has frozen keep their bits from now on; null frees all. */
  freeze(grids: WeightGrids | null): void;
  /** Clips the gradient, then updates. Returns the norm before clipping. */
  step(rate: number): number;
  /** Name of the first parameter with a NaN or an infinity. */
  firstNonFinite(): string | null;
}

export function createOptimizer(module: WebAssembly.Module, layout: ParameterLayout, options: SgdOptions): Optimizer {
  const arena = createArena();
  const bytes = layout.length * 4;
  const [w, g, v, incoming] = [0, 1, 2, 3].map(() => arena.reserve(bytes));
  const mask = arena.reserve(layout.weights);
  const { kernels, memory } = instantiate(module, arena.size());
  const floats = (address: number) => new Float32Array(memory.buffer, address, layout.length);
  const trainable = new Uint8Array(memory.buffer, mask, layout.weights).fill(1);
  const gradient = floats(g);
  const added = floats(incoming);
  const { momentum, nesterov, weightDecay, clip } = options;
  const flag = nesterov ? 1 : 0;
  return {
    parameters: floats(w),
    velocity: floats(v),
    setGradient: (values) => gradient.set(values),
    addGradient(values) {
      added.set(values);
      kernels.addInto(incoming, g, layout.length);
    },
    freeze(grids) {
      trainable.fill(1);
      if (!grids) return;
      for (const { node, field, offset } of layout.entries) {
        const frozen = field === "weight" ? grids.get(node)?.frozen : undefined;
        frozen?.forEach((flagged, i) => {
          trainable[offset + i] = 1 - flagged;
        });
      }
    },
    step(rate) {
      const norm = Math.sqrt(kernels.sumOfSquares(g, layout.length));
      if (norm > clip) kernels.scale(g, layout.length, clip / norm);
      const rest = layout.weights * 4;
      kernels.sgdStep(w, g, v, mask, layout.weights, rate, momentum, weightDecay, flag);
      const others = layout.length - layout.weights;
      kernels.sgdStep(w + rest, g + rest, v + rest, 0, others, rate, momentum, 0, flag);
      return norm;
    },
    firstNonFinite() {
      const at = kernels.firstNonFinite(w, layout.length);
      const entry = layout.entries.findLast(({ offset }) => offset <= at);
      return at < 0 || !entry ? null : `${entry.node}.${entry.field}`;
    },
  };
}

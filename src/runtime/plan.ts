// plan.ts: a validated model to a list of steps with every address fixed: what runs, where it reads, where it writes.
import { type Address, plus } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import { type ConcatLayer, elements, type Layer, layerInputs } from "../ops/index.js";
import {
  type Buffer,
  elementBytes,
  type MemoryOptions,
  MemoryPlan,
  type MemoryUse,
  type Placement,
  packArena,
  planeBytesOf,
} from "./memory.js";
import { type PlanContext, phasesOf, type Step, stagingOf } from "./step.js";
import { planInput, planLayer, planSplit } from "./steps.js";
import { gatherOf, phaseBytesOf, windowOf } from "./taps.js";

export interface Plan {
  readonly steps: readonly Step[];
  readonly memory: MemoryPlan;
  readonly use: MemoryUse;
  /** Address of the first thread's scratch; the others' follow, use.scratch apart. */
  readonly scratch: Address;
  /** Where every tensor lies. Bytes may be shared by tensors whose lives do not meet. */
  readonly placements: ReadonlyMap<string, Placement>;
}

/** Most bytes, and the threads that will run it. */
export type PlanOptions = MemoryOptions;

/** A tensor's life in the arena; one that a concatenation takes over lies in `parent` from `channel` on. */
interface Life extends Buffer {
  from: number;
  readonly planeBytes: number;
  parent: { readonly name: string; readonly channel: number } | null;
}

/**
 * Lays out memory and compiles the schedules. The model must have passed validateModel.
 * @throws OVERFLOW, UNSUPPORTED
 */
export function planModel(def: ModelDef, options: PlanOptions = {}): Plan {
  const { lives, makers } = planLives(def);
  const roots = [...lives].filter(([, life]) => life.parent === null);
  const { offsets, bytes } = packArena(roots.map(([, life]) => life));

  const memory = new MemoryPlan(bytes, options);
  const placements = new Map<string, Placement>();
  const context: PlanContext = {
    memory,
    spec: (tensor) => def.tensors[tensor],
    place: (tensor) => placements.get(tensor)!,
  };
  const steps = makers.map((make) => make(context));
  const { arena, scratch, use } = memory.seal();
  roots.forEach(([name, { planeBytes, bytes: size }], i) => {
    placements.set(name, { address: plus(arena, offsets[i]), planeBytes, bytes: size });
  });
  for (const [name, { parent, planeBytes, bytes: size }] of lives) {
    if (!parent) continue;
    const address = plus(placements.get(parent.name)!.address, parent.channel * planeBytes);
    placements.set(name, { address, planeBytes, bytes: size });
  }
  return { steps, memory, use, scratch, placements };
}

/** The order of the steps, how to plan each, and during which of them every buffer matters. Makes nothing large. */
function planLives(def: ModelDef): { lives: Map<string, Life>; makers: ((context: PlanContext) => Step)[] } {
  const lives = new Map<string, Life>();
  const makers: ((context: PlanContext) => Step)[] = [];
  const add = (name: string, planes: number, planeBytes: number, from: number): void => {
    lives.set(name, { bytes: planes * planeBytes, planeBytes, from, to: from, parent: null });
  };
  const addTensor = (name: string, from: number): void => {
    const { shape, encoding } = def.tensors[name];
    add(name, shape[0], planeBytesOf(shape, elementBytes(encoding)), from);
  };
  const use = (name: string, step: number): void => {
    const life = lives.get(name)!;
    life.to = Math.max(life.to, step);
    if (life.parent) use(life.parent.name, step);
  };

  const fixed = new Set(def.inputs.map(({ tensor }) => tensor));
  for (const layer of def.layers) if (layer.op === "concat") fixed.add(layer.output);
  for (const { tensor } of def.inputs) {
    addTensor(tensor, -1);
    const { shape, encoding } = def.tensors[tensor];
    if (encoding.kind === "float32") continue;
    add(stagingOf(tensor), shape[0], planeBytesOf(shape, 4), -1);
    use(stagingOf(tensor), makers.length);
    makers.push((context) => planInput(context, tensor, stagingOf(tensor)));
  }
  for (const layer of def.layers) {
    if (needsPhases(layer, def)) {
      const phases = phasesOf(layer.input);
      if (!lives.has(phases)) {
        const { shape } = def.tensors[layer.input];
        add(phases, shape[0], 4 * phaseBytesOf(shape), makers.length);
        use(layer.input, makers.length);
        makers.push((context) => planSplit(context, layer.input, phases));
      }
      use(phases, makers.length);
    }
    addTensor(layer.output, makers.length);
    const adopted = layer.op === "concat" ? adopt(layer, def, lives, fixed) : new Set<number>();
    for (const input of layerInputs(layer)) use(input, makers.length);
    makers.push((context) => planLayer(context, layer, adopted));
  }
  for (const { tensor } of def.outputs) use(tensor, makers.length);
  return { lives, makers };
}

/** Bytes that running the model takes, and what for, without allocating them. */
export function planMemory(def: ModelDef, options: PlanOptions = {}): MemoryUse {
  return planModel(def, options).use;
}

function needsPhases(layer: Layer, def: ModelDef): layer is Extract<Layer, { kernel: unknown }> {
  if (!("kernel" in layer)) return false;
  const { shape, encoding } = def.tensors[layer.input];
  const output = def.tensors[layer.output].shape;
  return gatherOf(shape, output, windowOf(layer), encoding.kind === "float32").phases;
}

/**
 * Lets the inputs of a concatenation be written straight into its output: planes of a layer's output that is not
 * itself part of another whole. Returns the places of those taken over; the others are copied when the step runs.
 * @param fixed tensors that have a place of their own: inputs and other wholes
 */
function adopt(
  { inputs, output }: ConcatLayer,
  def: ModelDef,
  lives: Map<string, Life>,
  fixed: ReadonlySet<string>,
): Set<number> {
  const whole = lives.get(output)!;
  const adopted = new Set<number>();
  const { shape } = def.tensors[output];
  const isPlanes = elements(shape) > shape[0];
  let channel = 0;
  for (const [i, name] of inputs.entries()) {
    const life = lives.get(name)!;
    if (isPlanes && !fixed.has(name) && life.parent === null) {
      life.parent = { name: output, channel };
      whole.from = Math.min(whole.from, life.from);
      whole.to = Math.max(whole.to, life.to);
      adopted.add(i);
    }
    channel += def.tensors[name].shape[0];
  }
  return adopted;
}

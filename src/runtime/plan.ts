// plan.ts: a validated model to a list of steps with every address fixed: what runs, where it reads, where it writes.
import { type Address, described, guarded, plus } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import { type ConcatLayer, elements, type Layer, layerInputs } from "../ops/index.js";
import {
  type Buffer,
  elementBytes,
  type MemoryOptions,
  MemoryPlan,
  type MemoryUse,
  packArena,
  planeBytesOf,
} from "./memory.js";
import { checkPlanOptions } from "./options.js";
import { isLarge } from "./pool.js";
import type { Content, Placements, PlanContext, Step } from "./step.js";
import { planInput, planLayer, planSplit } from "./steps.js";
import { type Gather, gatherOf, windowOf } from "./taps.js";

export interface Plan {
  readonly steps: readonly Step[];
  readonly memory: MemoryPlan;
  readonly use: MemoryUse;
  /** Address of the first thread's scratch; the others' follow, use.scratch apart. */
  readonly scratch: Address;
  /** The places of all buffers. Bytes may be shared by buffers whose lives do not meet. */
  readonly placements: Placements;
}

/** Most bytes, and the threads that will run it. */
export type PlanOptions = MemoryOptions;

/** A buffer's life in the arena; one that a concatenation takes over lies in `parent` from `channel` on. */
interface Life extends Buffer {
  from: number;
  readonly planeBytes: number;
  parent: { readonly life: Life; readonly channel: number } | null;
}

/** The lives of buffers by tensor. */
type Lives = { readonly [content in Content]: Map<string, Life> };

/**
 * Lays out memory and compiles the schedules. The model must have passed validateModel.
 * @throws OVERFLOW, UNSUPPORTED
 */
export function planModel(def: ModelDef, options: PlanOptions = {}): Plan {
  const { lives, makers } = planLives(def);
  const all = Object.values(lives).flatMap((ofKind) => [...ofKind.values()]);
  const roots = all.filter((life) => life.parent === null);
  const { offsets, bytes } = packArena(roots);

  const memory = new MemoryPlan(bytes, options);
  const placements = { raw: new Map(), staging: new Map(), phases: new Map() } satisfies Placements;
  const context: PlanContext = {
    memory,
    spec: (tensor) => def.tensors[tensor],
    place: (tensor, content = "raw") => placements[content].get(tensor)!,
  };
  const steps = makers.map((make) => make(context));
  const { arena, scratch, use } = memory.seal();
  const rootAt = new Map(roots.map((life, i) => [life, plus(arena, offsets[i])]));
  for (const content of ["raw", "staging", "phases"] as const) {
    for (const [name, life] of lives[content]) {
      const { parent, planeBytes, bytes: size } = life;
      const address = parent ? plus(rootAt.get(parent.life)!, parent.channel * planeBytes) : rootAt.get(life)!;
      placements[content].set(name, { address, planeBytes, bytes: size });
    }
  }
  return { steps, memory, use, scratch, placements };
}

/** The order of the steps, how to plan each, and during which of them every buffer matters. Makes nothing large. */
function planLives(def: ModelDef): { lives: Lives; makers: ((context: PlanContext) => Step)[] } {
  const lives: Lives = { raw: new Map(), staging: new Map(), phases: new Map() };
  const makers: ((context: PlanContext) => Step)[] = [];
  const add = (content: Content, name: string, planeBytes: number, from: number, tensor = name): void => {
    const bytes = def.tensors[tensor].shape[0] * planeBytes;
    lives[content].set(name, { bytes, planeBytes, from, to: from, parent: null });
  };
  const addTensor = (name: string, from: number): void => {
    const { shape, encoding } = def.tensors[name];
    add("raw", name, planeBytesOf(shape, elementBytes(encoding)), from);
  };
  const use = (content: Content, name: string): void => {
    const life = lives[content].get(name)!;
    life.to = Math.max(life.to, makers.length);
    if (life.parent) life.parent.life.to = Math.max(life.parent.life.to, makers.length);
  };

  const fixed = new Set(def.inputs.map(({ tensor }) => tensor));
  for (const layer of def.layers) if (layer.op === "concat") fixed.add(layer.output);
  for (const { tensor } of def.inputs) {
    addTensor(tensor, -1);
    const { shape, encoding } = def.tensors[tensor];
    if (encoding.kind === "float32") continue;
    add("staging", tensor, planeBytesOf(shape, 4), -1);
    use("staging", tensor);
    makers.push((context) => planInput(context, tensor));
  }
  for (const layer of def.layers) {
    const gather = phasesFor(layer, def);
    if (gather) {
      const { input } = gather;
      const key = gather.phases + input;
      if (!lives.phases.has(key)) {
        add("phases", key, elements(gather.steps) * gather.size, makers.length, input);
        use("raw", input);
        makers.push((context) => planSplit(context, input, gather));
      }
      use("phases", key);
    }
    addTensor(layer.output, makers.length);
    const adopted = layer.op === "concat" ? adopt(layer, def, lives.raw, fixed) : new Set<number>();
    for (const input of layerInputs(layer)) use("raw", input);
    makers.push((context) => planLayer(context, layer, adopted));
  }
  for (const { tensor } of def.outputs) use("raw", tensor);
  return { lives, makers };
}

/**
 * Bytes that running a valid model takes, and what for, without allocating them.
 * @throws OVERFLOW, UNSUPPORTED; BAD_OPTION; BAD_GRAPH for what is no model
 */
export function planMemory(def: ModelDef, options: PlanOptions = {}): MemoryUse {
  checkPlanOptions(options);
  return guarded(() => planModel(def, options).use, "BAD_GRAPH", "this is no model", { found: described(def) });
}

/** The phases of its input that a layer reads; null where it reads none. */
export function phasesFor(layer: Layer, def: Pick<ModelDef, "tensors">): (Gather & { readonly input: string }) | null {
  if (!("kernel" in layer) || (layer.op !== "conv" && isLarge(layer))) return null;
  const { shape, encoding } = def.tensors[layer.input];
  const gather = gatherOf(shape, def.tensors[layer.output].shape, windowOf(layer), encoding.kind === "float32");
  return gather.phases ? { ...gather, input: layer.input } : null;
}

/**
 * Lets the inputs of a concatenation be written straight into its output: planes of a layer's output that is not
 * itself part of another whole. Returns the places of those taken over; the others are copied when the step runs.
 * @param fixed tensors that have a place of their own: inputs and other wholes
 */
function adopt(
  { inputs, output }: ConcatLayer,
  def: ModelDef,
  lives: ReadonlyMap<string, Life>,
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
      life.parent = { life: whole, channel };
      whole.from = Math.min(whole.from, life.from);
      whole.to = Math.max(whole.to, life.to);
      adopted.add(i);
    }
    channel += def.tensors[name].shape[0];
  }
  return adopted;
}

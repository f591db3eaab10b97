// profile.ts: shiftwise profile: where the time of one image goes, layer by layer.
import type { Command } from "commander";
import { createRandom, ShiftwiseError } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import { elements, type Shape } from "../ops/index.js";
import { median } from "../pipeline/index.js";
import { milliseconds, percent, table } from "../report/index.js";
import { type Inputs, Model } from "../runtime/index.js";
import { integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { addNetworkOptions, type NetworkArguments } from "./files.js";
import { readRunnable } from "./runnable.js";

interface ProfileArguments extends NetworkArguments {
  readonly json?: boolean;
  readonly runs: number;
}

interface LayerTime {
  readonly name: string;
  readonly op: string;
  /** Median over the runs. */
  readonly ms: number;
  /** Multiply-accumulates that the layer stands for, zero weights included. */
  readonly macs: number;
}

/** Runs before those that count: a kernel is slow until the engine has optimized it. */
const WARM_UP_RUNS = 20;

export function profileCommand(): Command {
  const command = newCommand("profile", "measure the time of every layer of a model")
    .argument("<model>", "model file, an ONNX file, or a float network file; the last two run in float32")
    .option("--runs <n>", "number of timed runs after a warm-up", integer("--runs", 1, 1_000_000), 100);
  addNetworkOptions(command);
  return command.action((path: string, options: ProfileArguments) =>
    withContext(options, (context) => runProfile(path, options, context)),
  );
}

async function runProfile(path: string, options: ProfileArguments, { screen, signal }: Context): Promise<void> {
  const { def } = await readRunnable(path, options, screen.say);
  const model = await Model.from(def);
  const inputs = randomInputs(model);
  for (let run = 0; run < WARM_UP_RUNS; run++) model.runSync(inputs);

  const line = screen.progress("profiling");
  const first = model.profile(inputs);
  const times = first.map(() => new Float64Array(options.runs));
  for (let run = 0; run < options.runs; run++) {
    for (const [i, { milliseconds: ms }] of model.profile(inputs).entries()) times[i][run] = ms;
    if (run % 10 !== 0) continue;
    if (signal.aborted) throw new ShiftwiseError("ABORTED", "stopped while profiling");
    line.update(run / options.runs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  line.done();
  model.dispose();

  const macs = layerMacs(def);
  const layers = first.map(({ name, op }, i): LayerTime => {
    // the steps before layers bear names of tensors
    const isLayer = op !== "input" && op !== "split";
    return { name, op, ms: median(times[i]), macs: (isLayer && macs.get(name)) || 0 };
  });
  const total = layers.reduce((sum, { ms }) => sum + ms, 0);
  screen.result({ msPerImage: total, runs: options.runs, layers }, describe(layers, total));
}

function describe(layers: readonly LayerTime[], total: number): string {
  const rows = layers.map(({ name, op, ms, macs }) => {
    return [name, op, milliseconds(ms), percent(ms / total), macs > 0 ? (macs / ms / 1e6).toFixed(1) : ""];
  });
  const columns = [["step"], ["op"], ["time", "right"], ["share", "right"], ["GMAC/s", "right"]] as const;
  return `${table(columns, rows)}\n${milliseconds(total)} a run`;
}

/** Multiply-accumulates of each layer with weights: outputs times the weights that each one sums over. */
function layerMacs(def: ModelDef): Map<string, number> {
  return new Map(
    def.layers.flatMap((layer) => {
      if (layer.op !== "conv" && layer.op !== "dense") return [];
      const output: Shape = def.tensors[layer.output].shape;
      const { weights } = layer;
      const count = weights.kind === "float32" ? weights.values.length : weights.codes.length;
      return [[layer.name, (elements(output) * count) / output[0]]];
    }),
  );
}

/** Random pixels where the model takes them, else normal values. The same in every run. */
function randomInputs(model: Model): Inputs {
  const random = createRandom(1);
  return Object.fromEntries(
    model.inputs.map(({ name, shape, normalization }) => {
      const length = elements(shape);
      const values = normalization
        ? Uint8Array.from({ length }, () => random.below(256))
        : Float32Array.from({ length }, () => random.normal());
      return [name, values];
    }),
  );
}

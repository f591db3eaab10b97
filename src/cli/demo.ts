// demo.ts: shiftwise demo: the whole way, from generated images to a model of powers of two, in a minute or two.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Command } from "commander";
import { writeAtomically } from "../base/system.js";
import { type Augmentation, generate, size, type TrainTest } from "../data/index.js";
import { goldenHash } from "../format/index.js";
import { lower, type Network } from "../graph/index.js";
import { type ModelDef, packModel } from "../model/index.js";
import {
  type Classifier,
  compareTimes,
  createClassifier,
  DEFAULTS,
  epochsOver,
  freshNetwork,
  image,
  quantizeByRetraining,
  recipeFor,
  schemeText,
} from "../pipeline/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import { bytes, count, duration, milliseconds, percent, ratio, table } from "../report/index.js";
import { Model } from "../runtime/index.js";
import { train } from "../training/index.js";
import { activationsOption, bitsOption, integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { checkOutputs } from "./outputs.js";
import { measureShown, showTraining } from "./shown.js";

export interface DemoArguments {
  readonly json?: boolean;
  readonly seed: number;
  readonly bits: number;
  readonly activations: ActivationScheme;
  readonly threads: number;
  readonly out?: string;
}

/** The amount of work that the demo does. */
export interface DemoScale {
  readonly trainImages: number;
  readonly testImages: number;
  /** Channels of the network's first layer. */
  readonly width: number;
  readonly floatEpochs: number;
  /** Epochs of retraining after each portion but the last. */
  readonly portionEpochs: number;
  /** Timed turns, and images in each. */
  readonly turns: number;
  readonly turnImages: number;
}

/** Small enough for a minute or two on two cores, large enough for the accuracies to mean something. */
const FULL_SCALE: DemoScale = {
  trainImages: 10_000,
  testImages: 3_000,
  width: 16,
  floatEpochs: 6,
  portionEpochs: 1,
  turns: 25,
  turnImages: 50,
};

const BATCH = 64;
const FLOAT_RATE = 0.1;
const PORTION_RATE = 0.02;
const AUGMENT: Augmentation = { shift: 2 };
/** Held-out images whose logits make the golden hash. */
const HASHED_IMAGES = 64;

export function demoCommand(): Command {
  return newCommand("demo", "generate images, train, quantize with INQ, run the model file, and compare with float32")
    .option("--seed <n>", "seed of images, initial weights and training order", integer("--seed", 0), DEFAULTS.seed)
    .addOption(bitsOption())
    .addOption(activationsOption())
    .option(
      "--threads <n>",
      "threads to train on; the result depends on their number",
      integer("--threads", 1, 256),
      DEFAULTS.commandThreads,
    )
    .option("--out <file>", "model file to write (default: a file in a temporary folder)")
    .action((options: DemoArguments) => withContext(options, (context) => runDemo(options, context, FULL_SCALE)));
}

/**
 * Generates, trains, quantizes, writes, loads, compares, and shows one table.
 * @throws what its parts throw; ABORTED
 */
export async function runDemo(options: DemoArguments, context: Context, scale: DemoScale): Promise<void> {
  const { screen, signal } = context;
  const start = performance.now();
  await checkOutputs([options.out ?? join(tmpdir(), "demo.safetensors")]);
  const generating = screen.progress("generating images");
  const data = generate({ seed: options.seed, train: scale.trainImages, test: scale.testImages });
  generating.done(`${count(size(data.train))} to train on, ${count(size(data.test))} held out`);

  const network = freshNetwork("demo", data.train, options.seed, scale.width);
  await trainFloat(network, data, options, context, scale);
  // the executor takes its copy of the weights now: quantization changes them in place
  const float = await createClassifier(lower(network, { grids: null }));
  const floatBytes = weightCount(network) * Float32Array.BYTES_PER_ELEMENT;
  const floatResult = await measureShown(float, data.test, "testing float", context);

  const model = await quantize(network, data, options, context, scale);
  const direct = await createClassifier(model);
  const file = packModel({ ...model, notes: { ...model.notes, goldenHash: hashOf(direct, data) } });
  direct.dispose();
  const out = options.out ?? join(await mkdtemp(join(tmpdir(), "shiftwise-")), "demo.safetensors");
  await writeAtomically(out, file);
  const shift = await loadExecutor(out);
  const shiftResult = await measureShown(shift, data.test, "testing shift", context);

  const timing = screen.progress("timing");
  const [floatMs, shiftMs] = await compareTimes([float, shift], data.test, {
    images: scale.turnImages,
    turns: scale.turns,
    signal,
    onProgress: (share) => timing.update(share),
  });
  timing.done(`${scale.turns} turns of ${scale.turnImages} images each`);
  const hash = hashOf(shift, data);
  float.dispose();
  shift.dispose();

  const zipped = (await promisify(gzip)(file, { level: 9 })).length;
  const points = shiftResult.accuracy - floatResult.accuracy;
  const rows = [
    [
      `accuracy on ${count(floatResult.total)} held-out images`,
      percent(floatResult.accuracy / 100),
      percent(shiftResult.accuracy / 100),
      `${points > 0 ? "+" : ""}${points.toFixed(2)} points`,
    ],
    [
      "float32 weights, shift file",
      bytes(floatBytes),
      bytes(file.length),
      `${ratio(floatBytes / file.length)} smaller`,
    ],
    ["shift file with gzip", "", bytes(zipped), `${ratio(floatBytes / zipped)} smaller`],
    ["time per image, one thread", milliseconds(floatMs), milliseconds(shiftMs), `${ratio(floatMs / shiftMs)} faster`],
  ];
  const heading = `shift: ${options.bits}-bit weights, ${schemeText(options.activations)} activations`;
  screen.result(
    {
      float: { accuracy: floatResult.accuracy, bytes: floatBytes, msPerImage: floatMs },
      shift: {
        accuracy: shiftResult.accuracy,
        bytes: file.length,
        gzipBytes: zipped,
        msPerImage: shiftMs,
        weightBits: options.bits,
      },
      goldenHash: hash,
    },
    [
      table([[""], ["float32", "right"], [heading, "right"], ["", "right"]], rows),
      `golden hash of ${HASHED_IMAGES} images' logits: ${hash}`,
      `model file: ${out}`,
      `done in ${duration((performance.now() - start) / 1000)}`,
    ].join("\n"),
  );
}

async function trainFloat(
  network: Network,
  data: TrainTest,
  options: DemoArguments,
  context: Context,
  scale: DemoScale,
): Promise<void> {
  const line = context.screen.progress("training float");
  const { history } = await train(
    network,
    data.train,
    {
      epochs: scale.floatEpochs,
      batchSize: BATCH,
      learningRate: FLOAT_RATE,
      weightDecay: DEFAULTS.retraining.weightDecay,
      schedule: { kind: "cosine", warmUp: 0.5 },
      augment: AUGMENT,
      seed: options.seed,
      threads: options.threads,
    },
    { signal: context.signal, onProgress: showTraining(line) },
  );
  line.done(`${scale.floatEpochs} epochs, loss ${history[history.length - 1].loss.toFixed(3)}`);
}

async function quantize(
  network: Network,
  data: TrainTest,
  options: DemoArguments,
  { screen, signal }: Context,
  scale: DemoScale,
): Promise<ModelDef> {
  let line = screen.progress("calibrating");
  const recipe = recipeFor(options.bits, "paper");
  const { portions } = recipe;
  const { model } = await quantizeByRetraining(
    network,
    data.train,
    {
      ...recipe,
      // at 3 and 2 bits n1 by least squared error loses less than the paper's
      rule: undefined,
      epochs: epochsOver(portions, scale.portionEpochs),
      batchSize: BATCH,
      activations: options.activations,
      learningRate: PORTION_RATE,
      augment: AUGMENT,
      seed: options.seed,
      threads: options.threads,
    },
    {
      signal,
      onStep(step) {
        if (step === "calibrating") return;
        line.done(`${schemeText(options.activations)} activations`);
        line = screen.progress("retraining (INQ)");
      },
      onProgress: (progress) => showTraining(line)(progress),
    },
  );
  line.done(`portions ${portions.join(", ")}`);
  return model;
}

/** The model as anyone would load it: from the file, through the runtime's own door. */
async function loadExecutor(path: string): Promise<Classifier> {
  const model = await Model.load(pathToFileURL(path));
  const [output] = model.outputs;
  return { run: (pixels) => model.runSync(pixels)[output.name], dispose: () => model.dispose() };
}

function hashOf(executor: Classifier, { test: held }: TrainTest): string {
  return goldenHash(...Array.from({ length: HASHED_IMAGES }, (_, i) => executor.run(image(held, i))));
}

function weightCount(network: Network): number {
  return network.nodes.reduce((sum, node) => {
    return sum + (node.op === "conv" || node.op === "dense" ? node.weight.data.length : 0);
  }, 0);
}

// eval.ts: shiftwise eval: accuracy and time of a network on labelled pictures, or its outputs against those of its float network.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import type { LabelledImages } from "../data/index.js";
import { lower } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import { answersOf, DEFAULTS, type ExecutorName, measureOutputs } from "../pipeline/index.js";
import { count, counted, milliseconds, percent } from "../report/index.js";
import { answersShown, comparedText, openAnswers, worstText } from "./answers.js";
import { choice, integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { type NetworkArguments, readAnyNetwork } from "./files.js";
import { type NamingArguments, readLabels } from "./naming.js";
import { checkOutputs } from "./outputs.js";
import { addPreprocessing, type PreprocessingArguments } from "./preprocessing.js";
import { addReport, answersSections, outputsSection, type ReportArguments, writeReport } from "./report.js";
import { type Runnable, readRunnable, takingAs, takingPictures } from "./runnable.js";
import { openSamples } from "./samples.js";
import { doubtText, outputsText } from "./shown.js";

interface EvalArguments
  extends PreprocessingArguments,
    NetworkArguments,
    ReportArguments,
    Pick<NamingArguments, "labels"> {
  readonly json?: boolean;
  readonly data?: string;
  readonly against?: string;
  readonly calibrate?: string;
  readonly images?: number;
  readonly executor: ExecutorName;
}

export function evalCommand(): Command {
  const command = newCommand(
    "eval",
    "measure a network's accuracy on labelled pictures, or its outputs against its float network's",
  )
    .argument("<model>", "model file, an ONNX file, or a float network file; the last two run in float32")
    .option(
      "--data <path>",
      "labelled pictures: a folder with a folder for each class, a .csv or .txt of picture and label, IDX or CIFAR-10 files, a .tar, a .npz, or the word generated",
    )
    .option(
      "--against <network>",
      "float network that the model was made of: compares answers and every output on --data, or on --calibrate",
    )
    .option("--calibrate <path>", "pictures or arrays without labels, as of quantize; other ones than calibrated")
    .option(
      "--images <n>",
      `largest number of pictures to read: all of --data unless given, ${DEFAULTS.images.count} of --calibrate`,
      integer("--images", 1),
    )
    .option("--labels <file>", "names of the classes, where the network's file does not say them")
    .option(
      "--executor <name>",
      "program that runs the model: wasm, or reference, the plain executor",
      choice("--executor", ["wasm", "reference"]),
      "wasm",
    );
  addReport(command);
  addPreprocessing(command);
  return command.action((path: string, options: EvalArguments) =>
    withContext(options, (context) => runEval(path, options, context)),
  );
}

async function runEval(path: string, options: EvalArguments, context: Context): Promise<void> {
  const { data, against, calibrate } = options;
  const { screen } = context;
  const ok = calibrate === undefined ? data !== undefined : data === undefined && against !== undefined;
  if (!ok) {
    throw new ShiftwiseError("BAD_OPTION", "what to measure", {
      where: "eval",
      expected: "--data, labelled images, or --against a float network with --calibrate, images without labels",
      found:
        [data && "--data", against && "--against", calibrate && "--calibrate"].filter(Boolean).join(" ") || "neither",
    });
  }
  await checkOutputs([options.report], options, [path]);
  const file = await readRunnable(path, options, screen.say);
  const labels = options.labels === undefined ? file.def.labels : await readLabels(options.labels);
  const named: Runnable = labels ? { ...file, def: { ...file.def, labels } } : file;
  if (data === undefined) return compareOutputs(path, named.def, against!, calibrate!, options, context);
  const { def, preprocessing } = await takingPictures(named, options, screen.say);
  const images = await openAnswers(data, def, preprocessing, options.images, context);
  if (images) return measureLabelled(path, def, images, options, context);
  if (against !== undefined) return compareOutputs(path, named.def, against, data, options, context);
  throw answersOf(def) === null
    ? new ShiftwiseError("UNSUPPORTED", "the network gives no classes", {
        where: path,
        expected: "one output, a vector with a value for each class; --against a float network measures any other",
        found: def.outputs.map(({ name, tensor }) => `${name} ${def.tensors[tensor].shape.join("x")}`).join(", "),
      })
    : new ShiftwiseError("BAD_DATA", "no labels", {
        where: data,
        expected:
          "pictures in a folder for each class, a .csv of picture and label, a .npz of images and labels; or --against a network",
        found: "pictures or arrays alone",
      });
}

async function measureLabelled(
  path: string,
  def: ModelDef,
  images: LabelledImages,
  options: EvalArguments,
  context: Context,
): Promise<void> {
  const { against, executor } = options;
  const { screen } = context;
  const float = against === undefined ? null : await readAnyNetwork(against, options, screen.say, def);
  const defs = [...(float ? [lower(takingAs(float, def), { grids: null })] : []), def];
  if (float) checkAlike(defs[0], def);
  const found = await answersShown(defs, images, executor, "testing", context);
  const { correct, accuracy, top5, msPerImage, worst } = found.models.at(-1)!;
  const { total, outputs, changes } = found;
  const [before] = found.models;
  const names = images.classNames;
  if (options.report !== undefined) {
    const networks = float ? ["float32", "model"] : ["network"];
    await writeReport(
      options.report,
      `${def.name}, measured`,
      [
        ["network", path],
        ...(against === undefined ? [] : [["against", against] as const]),
        ["pictures", options.data!],
      ],
      answersSections(networks, found, images, def.tensors[def.inputs[0].tensor].shape),
    );
  }
  const json = {
    ...{ accuracy, correct, total, msPerImage, executor, top5, worst },
    classNames: names,
    ...(float && {
      float: { accuracy: before.accuracy, top5: before.top5, msPerImage: before.msPerImage },
      outputs,
      changes,
      changed: found.changed.map(({ pixels: _, ...change }) => change),
    }),
  };
  screen.result(
    json,
    [
      `${percent(accuracy / 100)} of ${counted(total, "image")} correct (${count(correct)})${top5 === null ? "" : `, ${percent(top5 / 100)} among the first five`}, ` +
        `${milliseconds(msPerImage)} an image, ${executor} executor`,
      ...(float ? [...comparedText(["float32", "model"], found), outputsText(outputs)] : []),
      ...doubtText(found.models.at(-1)!, total, answersOf(def)!),
      ...worstText(worst, names),
    ].join("\n"),
  );
}

/** @throws BAD_DATA for a network of other sizes than the model's */
function checkAlike(float: ModelDef, def: ModelDef): void {
  const sizes = ({ inputs, outputs, tensors }: ModelDef): string =>
    [...inputs, ...outputs].map(({ tensor }) => tensors[tensor].shape.join("x")).join(", ");
  if (sizes(float) === sizes(def)) return;
  const details = { where: float.name, expected: sizes(def), found: sizes(float) };
  throw new ShiftwiseError("BAD_DATA", "the network is not the one that the model was made of", details);
}

async function compareOutputs(
  path: string,
  def: ModelDef,
  against: string,
  data: string,
  options: EvalArguments,
  { screen, signal }: Context,
): Promise<void> {
  const read = await readAnyNetwork(against, options, screen.say, def);
  // the model says how pixels become values, unless an option does
  const { images = DEFAULTS.images.count } = options;
  const prepared = await openSamples(takingAs(read, def), data, images, options, "to compare on", screen, def);
  const line = screen.progress("comparing");
  const onProgress = (share: number): void => line.update(share);
  const calibrations = [...prepared.calibrations].map(([name, { samples }]) => [name, samples] as const);
  const found = await measureOutputs(def, prepared.network, Object.fromEntries(calibrations), options.executor, {
    signal,
    onProgress,
  });
  line.done();
  if (options.report !== undefined) {
    await writeReport(
      options.report,
      `${def.name}, compared`,
      [
        ["network", path],
        ["against", against],
        ["samples", `${found.samples} of ${data}`],
      ],
      [outputsSection("Outputs against the float network's", found.outputs)],
    );
  }
  const head = `outputs against the float network's, on ${counted(found.samples, "sample")}, ${milliseconds(found.msPerSample)} each, ${options.executor} executor:`;
  screen.result({ ...found, executor: options.executor }, [head, outputsText(found.outputs)].join("\n"));
}

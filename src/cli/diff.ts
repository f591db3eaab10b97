// diff.ts: shiftwise diff: layer by layer, the place where two models of one network part.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { lower } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import { answersOf, partWays, type TensorDifference, verdictOn } from "../pipeline/index.js";
import { type Column, counted, type Section, table } from "../report/index.js";
import type { OutputFidelity } from "../training/index.js";
import { answersShown, openAnswers } from "./answers.js";
import { integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { type NetworkArguments, readAnyNetwork } from "./files.js";
import { decibelText } from "./layers.js";
import { checkOutputs } from "./outputs.js";
import { addPreprocessing, type PreprocessingArguments } from "./preprocessing.js";
import { addReport, answersSections, fileFact, outputsSection, type ReportArguments, writeReport } from "./report.js";
import { type Runnable, readRunnable, takingAs, takingPictures } from "./runnable.js";
import { openSamples } from "./samples.js";
import { outputsText } from "./shown.js";

interface DiffArguments extends PreprocessingArguments, NetworkArguments, ReportArguments {
  readonly json?: boolean;
  readonly data?: string;
  readonly calibrate?: string;
  readonly images: number;
}

/** dB below which two models have parted. */
const PARTED = 20;
const IMAGES = 16;

export function diffCommand(): Command {
  const command = newCommand(
    "diff",
    "compare two networks layer by layer: dB of what every layer makes, and where they part",
  )
    .argument("<float>", "the network that is right: an ONNX file, or a network that train wrote")
    .argument("<model>", "a model that was made of it, or another network with the same layers")
    .option("--data <path>", "pictures to run; of labelled ones --report shows the answers that changed")
    .option("--calibrate <path>", "pictures or arrays without labels to run in place of --data, as of quantize")
    .option("--images <n>", "largest number of them", integer("--images", 1), IMAGES);
  addReport(command);
  addPreprocessing(command);
  return command.action((first: string, second: string, options: DiffArguments) =>
    withContext(options, (context) => runDiff(first, second, options, context)),
  );
}

async function runDiff(first: string, second: string, options: DiffArguments, context: Context): Promise<void> {
  const { screen, signal } = context;
  const { report, data, calibrate } = options;
  const path = data ?? calibrate;
  if (path === undefined || (data !== undefined && calibrate !== undefined)) {
    throw new ShiftwiseError("BAD_OPTION", "what to compare on", {
      where: "diff",
      expected: "--data, or --calibrate, pictures or arrays without labels",
      found: path === undefined ? "neither" : "both",
    });
  }
  await checkOutputs([report], options, [first, second]);
  const other = await readRunnable(second, options, screen.say);
  const network = takingAs(await readAnyNetwork(first, options, screen.say, other.def), other.def);
  const prepared = await openSamples(network, path, options.images, options, "to compare on", screen, other.def);
  const before = lower(prepared.network, { grids: null });
  checkInputs(before, other.def, second);
  const line = screen.progress("comparing layers");
  const samples = Object.fromEntries([...prepared.calibrations].map(([name, one]) => [name, one.samples]));
  const { tensors, outputs } = await partWays(before, other.def, samples, {
    signal,
    onProgress: (share) => line.update(share),
  });
  line.done();
  const parted = tensors.find(({ snr }) => snr !== null && snr < PARTED) ?? null;
  const words = wordsOn(parted, outputs);
  const on = counted(prepared.count, "sample");
  if (report !== undefined) {
    await writeReport(
      report,
      `${before.name}: two networks layer by layer`,
      [
        ["first", first],
        ["second", fileFact(second, other.size)],
        ["samples", `${on} of ${path}`],
      ],
      [
        {
          title: "Where they part",
          text: [`${words[0].toUpperCase()}${words.slice(1)}.`, NOTE],
          bars: {
            label: "signal to noise of what each layer makes in dB",
            low: PARTED,
            bars: tensors.map(({ layer, snr }) => ({
              name: layer,
              value: snr === null ? null : Math.min(snr, 80),
              text: decibelText(snr),
            })),
          },
          columns: COLUMNS,
          rows: rowsOf(tensors, parted),
        },
        ...(outputs.length > 0 ? [outputsSection("Outputs of the second against the first's", outputs)] : []),
        ...(await sectionsOnAnswers(before, other, options, context)),
      ],
    );
  }
  const missing = Object.keys(before.tensors).length - tensors.length;
  screen.result(
    { tensors, outputs, parted: parted?.tensor ?? null, samples: prepared.count },
    [
      `signal to noise of what each layer makes that both have, on ${on}:`,
      table(COLUMNS, rowsOf(tensors, parted)),
      ...(missing > 0
        ? [`${counted(missing, "tensor")} of the first are not in the second, where layers run as one`]
        : []),
      ...(outputs.length > 0 ? ["outputs of the second against the first's:", outputsText(outputs)] : []),
      words,
    ].join("\n"),
  );
}

/** Sections on what both answer to labelled pictures, and which answers changed; none for other data and networks. */
async function sectionsOnAnswers(
  before: ModelDef,
  other: Runnable,
  options: DiffArguments,
  context: Context,
): Promise<Section[]> {
  if (options.data === undefined || answersOf(other.def) === null || other.def.inputs.length > 1) return [];
  const { def, preprocessing } = await takingPictures(other, options, context.screen.say);
  const images = await openAnswers(options.data, def, preprocessing, options.images, context);
  if (!images) return [];
  const found = await answersShown([before, def], images, "wasm", "comparing answers", context);
  return answersSections(["first", "second"], found, images, def.tensors[def.inputs[0].tensor].shape);
}

const NOTE =
  "Channels of inner tensors are compared up to a factor of their own, since equalization moves factors between layers; outputs are compared as they are.";

/** Words on outputs that are not far apart, by the worst verdict on them, the worst first. */
const ALIKE = {
  fair: `keep ${PARTED} dB or more`,
  "same answers": "give the same answers",
  close: "are close",
  "very close": "are very close",
  exact: "are the same",
} as const;

/** Says where two models part; where it does not show in their outputs, how close these are. */
function wordsOn(parted: TensorDifference | null, outputs: readonly OutputFidelity[]): string {
  if (!parted) return `no layer is below ${PARTED} dB`;
  const verdicts = outputs.map(verdictOn).filter((verdict) => verdict !== "not judged");
  const known = verdicts.filter((verdict) => Object.hasOwn(ALIKE, verdict));
  const worst = Object.entries(ALIKE).find(([verdict]) => known.some((one) => one === verdict));
  const at = `"${parted.layer}" (${parted.op})`;
  const first = `the first below ${PARTED} dB: ${decibelText(parted.snr)}`;
  return worst && known.length === verdicts.length
    ? `${at} is ${first}; yet the outputs ${worst[1]}`
    : `they part at ${at}, ${first}`;
}

const COLUMNS: readonly Column[] = [["layer"], ["kind"], ["signal to noise", "right"], [""]];

function rowsOf(tensors: readonly TensorDifference[], parted: TensorDifference | null): string[][] {
  return tensors.map((one) => [
    one.layer,
    one.op,
    decibelText(one.snr),
    [...(one === parted ? ["first below 20 dB"] : []), ...(one.isOutput ? ["output"] : [])].join(", "),
  ]);
}

/** @throws BAD_DATA for a model of other inputs */
function checkInputs(before: ModelDef, after: ModelDef, where: string): void {
  const inputs = ({ inputs, tensors }: ModelDef): string =>
    inputs.map(({ name, tensor }) => `${name} ${tensors[tensor].shape.join("x")}`).join(", ");
  if (inputs(before) === inputs(after)) return;
  throw new ShiftwiseError("BAD_DATA", "networks with different inputs", {
    where,
    expected: inputs(before),
    found: inputs(after),
  });
}

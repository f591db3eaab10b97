// predict.ts: shiftwise predict: what a network says to pictures, with names.
import type { Command } from "commander";
import { decodeImage, prepareImage, readWhole } from "../data/index.js";
import type { ModelDef } from "../model/index.js";
import { elements } from "../ops/index.js";
import { answersOf, createPictureRunner } from "../pipeline/index.js";
import { type Column, percent, table } from "../report/index.js";
import { type TopClass, topK } from "../runtime/index.js";
import { integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import type { NetworkArguments } from "./files.js";
import { type NamingArguments, readLabels } from "./naming.js";
import { addPreprocessing, type PreprocessingArguments } from "./preprocessing.js";
import { oneLine } from "./printable.js";
import { readRunnable, takingPictures } from "./runnable.js";

interface PredictArguments extends PreprocessingArguments, NetworkArguments, Pick<NamingArguments, "labels"> {
  readonly json?: boolean;
  readonly top: number;
}

/** An output that is no vector of classes, in figures. */
interface OutputFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly least: number;
  readonly mean: number;
  readonly greatest: number;
}

export function predictCommand(): Command {
  const command = newCommand("predict", "run a network on pictures and print the likeliest classes with their names")
    .argument("<model>", "model file, an ONNX file, or a float network file; the last two run in float32")
    .argument("<picture...>", "picture files")
    .option("--top <n>", "number of classes to print", integer("--top", 1), 5)
    .option("--labels <file>", "names of the classes, where the network's file does not say them");
  addPreprocessing(command);
  return command.action((path: string, pictures: readonly string[], options: PredictArguments) =>
    withContext(options, (context) => runPredict(path, pictures, options, context)),
  );
}

async function runPredict(
  path: string,
  pictures: readonly string[],
  options: PredictArguments,
  { screen }: Context,
): Promise<void> {
  const file = await readRunnable(path, options, screen.say);
  const { def, preprocessing } = await takingPictures(file, options, screen.say);
  const labels = options.labels === undefined ? def.labels : await readLabels(options.labels);
  const { run, dispose } = await createPictureRunner(def);
  const { shape } = def.tensors[def.inputs[0].tensor];
  const results: { picture: string; top: TopClass[] | null; outputs: OutputFacts[] | null }[] = [];
  try {
    for (const picture of pictures) {
      const pixels = await prepareImage(
        await decodeImage(await readWhole(picture), picture),
        shape,
        preprocessing,
        picture,
      );
      const outputs = run(pixels);
      const isClassifier = answersOf(def) !== null;
      results.push({
        picture,
        top: isClassifier ? topK(outputs.get(def.outputs[0].name)!, options.top, labels) : null,
        outputs: isClassifier ? null : [...outputs].map(([name, values]) => factsOf(def, name, values)),
      });
    }
  } finally {
    dispose();
  }
  const text = results.map(({ picture, top, outputs }) =>
    [`${picture}:`, top ? table(GUESS_COLUMNS, top.map(guessRow)) : table(OUTPUT_COLUMNS, outputs!.map(factRow))].join(
      "\n",
    ),
  );
  screen.result({ results }, text.join("\n"));
}

const GUESS_COLUMNS: readonly Column[] = [["class", "right"], ["name"], ["share", "right"]];
const guessRow = ({ index, label, share }: TopClass): string[] => [String(index), oneLine(label), percent(share)];

const OUTPUT_COLUMNS: readonly Column[] = [
  ["output"],
  ["shape"],
  ["least", "right"],
  ["mean", "right"],
  ["greatest", "right"],
];
const factRow = ({ name, shape, ...values }: OutputFacts): string[] => [
  name,
  shape.join("x"),
  ...[values.least, values.mean, values.greatest].map((value) => String(Number(value.toPrecision(4)))),
];

function factsOf(def: ModelDef, name: string, values: Float32Array): OutputFacts {
  const { tensor } = def.outputs.find((port) => port.name === name)!;
  const { shape } = def.tensors[tensor];
  let [least, greatest, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  return { name, shape, least, mean: sum / elements(shape), greatest };
}

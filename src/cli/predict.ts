// predict.ts: shiftwise predict: what a network says to pictures, with names.
import type { Command } from "commander";
import { alternatives, ShiftwiseError } from "../base/index.js";
import { contentOf, decodeImage, prepareImage, readWhole } from "../data/index.js";
import { isArrayFile } from "../format/signatures.js";
import type { ModelDef } from "../model/index.js";
import { elements, type Shape } from "../ops/index.js";
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

/** An output in figures, and its classes where it is a vector. */
interface OutputFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly least: number;
  readonly mean: number;
  readonly greatest: number;
  readonly top: TopClass[] | null;
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
  sayNameless(def, labels, options.labels, screen.say);
  const results: { picture: string; top: TopClass[] | null; outputs: OutputFacts[] | null }[] = [];
  try {
    for (const picture of pictures) {
      const bytes = await readWhole(picture);
      checkPicture(bytes, picture);
      const pixels = await prepareImage(await decodeImage(bytes, picture), shape, preprocessing, picture);
      const outputs = run(pixels);
      const facts = [...outputs].map(([name, values]) => factsOf(def, name, values, options.top, labels));
      const vectors = facts.flatMap(({ top }) => (top ? [top] : []));
      results.push({
        picture,
        top: vectors.length === 1 ? vectors[0] : null,
        outputs: answersOf(def) === null ? facts : null,
      });
    }
  } finally {
    dispose();
  }
  const text = results.map(({ picture, top, outputs }) =>
    [`${picture}:`, ...(outputs ? outputsText(outputs) : [guessTable(top!)])].join("\n"),
  );
  screen.result({ results }, text.join("\n"));
}

/** @throws BAD_DATA for an array, with the ways that take those */
function checkPicture(bytes: Uint8Array, where: string): void {
  if (!isArrayFile(bytes)) return;
  throw new ShiftwiseError("BAD_DATA", "no picture", {
    where,
    expected: "a picture; eval --against a float network --calibrate takes arrays, and so does run of a model in code",
    found: contentOf(bytes),
  });
}

const GUESS_COLUMNS: readonly Column[] = [["class", "right"], ["name"], ["share", "right"]];
const guessRow = ({ index, label, share }: TopClass): string[] => [String(index), oneLine(label), percent(share)];

const guessTable = (top: readonly TopClass[]): string => table(GUESS_COLUMNS, top.map(guessRow));

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

/** The classes of each vector, and the others' figures in one table. */
function outputsText(outputs: readonly OutputFacts[]): string[] {
  const others = outputs.filter(({ top }) => !top);
  return [
    ...outputs.flatMap(({ name, top }) => (top ? [`output ${oneLine(name)}:`, guessTable(top)] : [])),
    ...(others.length > 0 ? [table(OUTPUT_COLUMNS, others.map(factRow))] : []),
  ];
}

const isVector = ([classes, height, width]: Shape): boolean => classes > 1 && height * width === 1;

/** The names that belong to an output: a network of one output is known by its names, of several one may be no vector of classes. */
const namesOf = (
  { outputs }: ModelDef,
  [classes]: Shape,
  labels: readonly string[] | undefined,
): readonly string[] | undefined => (outputs.length === 1 || labels?.length === classes ? labels : undefined);

/**
 * Says how classes get names, where no output has any.
 * @param file that of --labels, whose names fit no output then
 */
function sayNameless(
  def: ModelDef,
  labels: readonly string[] | undefined,
  file: string | undefined,
  say: (line: string) => void,
): void {
  const vectors = def.outputs.map(({ tensor }) => def.tensors[tensor].shape).filter(isVector);
  if (vectors.length === 0 || vectors.some((shape) => namesOf(def, shape, labels))) return;
  const sizes = alternatives([...new Set(vectors.map(([classes]) => classes))].sort((a, b) => a - b));
  say(
    file === undefined
      ? `the classes have no names here: give --labels a text file with ${sizes} names, one a line, as quantize takes it, too`
      : `the classes have no names here: ${file} has ${labels!.length}, and no output has so many values, but ${sizes}`,
  );
}

/** @param labels names, which an output has that has as many values */
function factsOf(
  def: ModelDef,
  name: string,
  values: Float32Array,
  most: number,
  labels: readonly string[] | undefined,
): OutputFacts {
  const { tensor } = def.outputs.find((port) => port.name === name)!;
  const { shape } = def.tensors[tensor];
  let [least, greatest, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  const top = isVector(shape) ? topK(values, most, namesOf(def, shape, labels)) : null;
  return { name, shape, least, mean: sum / elements(shape), greatest, top };
}

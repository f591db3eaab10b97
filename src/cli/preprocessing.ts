// preprocessing.ts: the options of how pixels become a network's input, and what they say.
import type { Command } from "commander";
import { CHANNELS, normalizationOf, type Preprocessing, readPreprocessing, readPreprocessings } from "../data/index.js";
import type { Network } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { Normalization } from "../ops/index.js";
import { inputOf, pixelHead, withNormalization } from "../pipeline/index.js";
import { figures } from "../report/index.js";
import { choice, integer, numberList } from "./arguments.js";
import { addNetworkOptions } from "./files.js";

export interface PreprocessingArguments {
  readonly preprocess?: string;
  readonly resize?: number;
  readonly channels?: Preprocessing["channels"];
  readonly range?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/**
 * Puts options and file together: single options go before the file's fields, for every input.
 * @param input its name
 * @returns null where nothing says what a pixel's value is.
 * @throws what readPreprocessing throws.
 */
export async function preprocessingFrom(options: PreprocessingArguments, input: string): Promise<Preprocessing | null> {
  const { preprocess } = options;
  return withOptions(preprocess === undefined ? null : await readPreprocessing(preprocess, input), options);
}

/**
 * The same for inputs of which some may have no entry in a file for several: those that take no pixels need none.
 * @returns a function of the input's name; it gives null where nothing says what a pixel's value is.
 * @throws what readPreprocessing throws for a file that it cannot read
 */
export async function preprocessingByInput(
  options: PreprocessingArguments,
): Promise<(input: string) => Preprocessing | null> {
  const file = options.preprocess === undefined ? null : await readPreprocessings(options.preprocess);
  return (input) => withOptions(file instanceof Map ? (file.get(input) ?? null) : file, options);
}

function withOptions(file: Preprocessing | null, options: PreprocessingArguments): Preprocessing | null {
  const { resize, channels, range, mean, std } = options;
  if (!file && range === undefined && !mean && !std) return null;
  return {
    ...file,
    ...(resize !== undefined && { resize }),
    ...(channels && { channels }),
    ...(range !== undefined && { range }),
    ...(mean && { mean }),
    ...(std && { std }),
  };
}

/** The network whose one input takes pixels so. @throws BAD_OPTION for numbers that are not one a channel; as inputOf */
export function withPreprocessing(network: Network, preprocessing: Preprocessing): Network {
  return withNormalization(network, normalizationOf(preprocessing, inputOf(network).shape[0]));
}

/**
 * The network taking pixels as they are where it does not say how they become values, but its own first nodes scale them.
 * @param say hears of that
 * @throws as inputOf
 */
export function withOwnScaling(network: Network, say: (line: string) => void): Network {
  const input = inputOf(network);
  const head = input.normalization ? null : pixelHead(network, input);
  if (!head) return network;
  say(head.text);
  return withNormalization(network, head.normalization);
}

/** The note in which a model carries how its pictures are made: fields of Preprocessing by input, in JSON. */
export const PREPROCESSING_NOTE = "preprocessing";

/** The preprocessing of pictures that a model carries for an input, beside its normalization; empty where it says nothing. */
export function carriedBy({ notes }: Pick<ModelDef, "notes">, input: string): Preprocessing {
  try {
    const all: unknown = JSON.parse(notes?.[PREPROCESSING_NOTE] ?? "{}");
    const own = Object.entries(all as Record<string, unknown>).find(([name]) => name === input);
    const { resize, channels } = (own?.[1] ?? {}) as Preprocessing;
    return {
      ...(Number.isInteger(resize) && resize! >= 1 && resize! <= 4096 && { resize }),
      ...(CHANNELS.some((one) => one === channels) && { channels }),
    };
  } catch {
    // a note may be anything
    return {};
  }
}

const isPlain = ({ mean, std }: Normalization): boolean =>
  mean.every((value) => value === 0) && std.every((value) => Math.abs(255 * value - 1) < 1e-6);

/** The way from pixels to values, in words. */
export const normalizationText = (normalization: Normalization): string =>
  isPlain(normalization)
    ? "as they are, 0..255"
    : `/ 255 with mean ${figures(normalization.mean)} and deviation ${figures(normalization.std)}`;

/** Adds the options of how images become a network's input. */
export function addPreprocessing(command: Command): void {
  command
    .optionsGroup("How pictures become the input of an ONNX file:")
    .option(
      "--preprocess <file>",
      "JSON file with the fields resize, channels, range, mean and std; for several inputs, such an object for each by name",
    )
    .option(
      "--range <n>",
      "value of a pixel of 255 before --mean is subtracted: 1 or 255; alone it stands for mean 0 and std 1",
      pixelRange,
    )
    .option("--mean <list>", "mean to subtract: one number, or one for each channel with commas", numberList("--mean"))
    .option(
      "--std <list>",
      "deviation to divide by: one number, or one for each channel with commas",
      numberList("--std"),
    )
    .option("--channels <order>", "order of the channels: rgb, bgr or grey", choice("--channels", CHANNELS))
    .option(
      "--resize <n>",
      "length of the shorter side to which a picture is scaled before its middle is cut out (default: the largest middle part is scaled to the input)",
      integer("--resize", 1, 4096),
    );
  addNetworkOptions(command);
}

const pixelRange = (text: string): number => Number(choice("--range", ["1", "255"])(text));

// samples.ts: pictures and arrays without labels for every input of a network, prepared as options, network or habit say.
import { type Calibration, normalizationOf, openCalibrations, type Preprocessing } from "../data/index.js";
import { inputsOf, type Network } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { Normalization } from "../ops/index.js";
import { pixelHead, usualNormalization, withNormalization } from "../pipeline/index.js";
import { count } from "../report/index.js";
import {
  carriedBy,
  normalizationText,
  PREPROCESSING_NOTE,
  type PreprocessingArguments,
  preprocessingByInput,
  preprocessingFrom,
} from "./preprocessing.js";
import type { Screen } from "./screen.js";

/** A network with its preprocessing, and samples prepared for it. */
export interface PreparedSamples {
  readonly network: Network;
  /** By the inputs' names. */
  readonly calibrations: ReadonlyMap<string, Calibration>;
  readonly count: number;
  readonly remarks: readonly string[];
  /** Texts for a model's notes: how its pictures were made, where that is more than scaling pixels. */
  readonly notes: Readonly<Record<string, string>>;
  /** The preprocessing that nothing said, by input. */
  readonly assumed: Readonly<Record<string, Preprocessing>>;
}

/**
 * Reads samples, and says what was passed over and assumed.
 * @param images the most that are read
 * @param model one that carries how its pictures are made
 * @throws what openCalibrations and preprocessingFrom throw
 */
export async function openSamples(
  network: Network,
  path: string,
  images: number,
  options: PreprocessingArguments,
  purpose: string,
  screen: Screen,
  model: Pick<ModelDef, "notes"> = {},
): Promise<PreparedSamples> {
  const line = screen.progress("reading samples");
  const prepared = await prepare(network, path, images, options, model);
  line.done(`${count(prepared.count)} ${purpose}`);
  for (const remark of prepared.remarks) screen.say(remark);
  for (const [name, { mean = [], std = [] }] of Object.entries(prepared.assumed)) {
    const of = prepared.calibrations.size > 1 ? ` of ${name}` : "";
    screen.say(
      `assumed, since the file does not say it: ${pixelText({ mean, std }, of)}` +
        "; --range, --mean, --std or --preprocess set another way",
    );
  }
  return prepared;
}

async function prepare(
  network: Network,
  path: string,
  images: number,
  options: PreprocessingArguments,
  model: Pick<ModelDef, "notes">,
): Promise<PreparedSamples> {
  const chosen = new Map<string, Preprocessing>();
  const inputs = [];
  const said: [name: string, text: string][] = [];
  const all = inputsOf(network);
  const preprocessingOf = await preprocessingByInput(options);
  for (const input of all) {
    const { name, shape, normalization } = input;
    const of = all.length > 1 ? ` of ${name}` : "";
    const own = preprocessingOf(name);
    const how = { ...carriedBy(model, name), ...options };
    const head = own || normalization ? null : pixelHead(network, input);
    const stated = normalization ?? head?.normalization;
    const known = own ? { ...carriedBy(model, name), ...own } : stated ? described(stated, how) : null;
    if (known) chosen.set(name, known);
    if (head) said.push([name, head.text]);
    else if (!own && normalization) said.push([name, `as the network says: ${pixelText(normalization, of)}`]);
    if (known?.channels === "bgr" || options.channels === "bgr") {
      said.push([
        name,
        `pixels${of} go in as blue, green, red, and the model does not turn them: prepareImage with channels "bgr" makes such`,
      ]);
    }
    inputs.push({ name, shape, preprocessing: known ?? described(usualNormalization(shape[0]), how) });
  }
  const calibrations = await openCalibrations(path, inputs, images);
  const assumed: Record<string, Preprocessing> = {};
  const made: string[] = [];
  const carried: Record<string, Preprocessing> = {};
  let taking = network;
  for (const { name, shape, preprocessing } of inputs) {
    const { pictures } = calibrations.get(name)!;
    // floats are network values as they are; only pixels need a normalization
    if (!pictures && (inputs.length > 1 || !chosen.has(name))) continue;
    if (!chosen.has(name)) {
      // a file for several inputs that leaves this one out
      if (options.preprocess !== undefined) await preprocessingFrom(options, name);
      assumed[name] = preprocessing;
    }
    const { channels, resize } = preprocessing;
    const how = [
      ...(channels === "bgr" ? ["channels in the order blue, green, red"] : []),
      ...(resize === undefined ? [] : [`shorter side scaled to ${resize}, the middle cut out`]),
    ];
    if (pictures && how.length > 0) carried[name] = { ...(channels && { channels }), ...(resize && { resize }) };
    if (pictures && how.length > 0) made.push(`${inputs.length > 1 ? `${name}: ` : ""}${how.join("; ")}`);
    taking = withNormalization(taking, normalizationOf(preprocessing, shape[0]), name);
  }
  const remarks = [...calibrations].flatMap(([name, calibration]) =>
    calibration.remarks.map((remark) => (inputs.length > 1 ? `${name}: ${remark}` : remark)),
  );
  for (const [name, text] of said) if (calibrations.get(name)!.pictures) remarks.push(text);
  const notes: Record<string, string> =
    made.length > 0 ? { pictures: made.join(". "), [PREPROCESSING_NOTE]: JSON.stringify(carried) } : {};
  const [{ samples }] = calibrations.values();
  return { network: taking, calibrations, count: samples.count, remarks: [...new Set(remarks)], notes, assumed };
}

const pixelText = (normalization: Normalization, of: string): string =>
  `pixels${of} ${normalizationText(normalization)}`;

function described({ mean, std }: Normalization, { resize, channels }: PreprocessingArguments): Preprocessing {
  return {
    mean,
    std,
    ...(channels && { channels }),
    ...(resize !== undefined && { resize }),
  };
}

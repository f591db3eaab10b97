// samples.ts: samples without labels, prepared for a network as the options say, or the file, or as is usual.
import { type Calibration, openCalibration, type Preprocessing } from "../data/index.js";
import type { Network } from "../graph/index.js";
import type { Normalization } from "../ops/index.js";
import { inputOf, usualNormalization } from "../pipeline/index.js";
import { count } from "../report/index.js";
import { type PreprocessingArguments, preprocessingFrom, withPreprocessing } from "./preprocessing.js";
import type { Screen } from "./screen.js";

/** A network with its preprocessing, and samples prepared for it. */
export interface PreparedSamples {
  readonly network: Network;
  readonly calibration: Calibration;
  /** The preprocessing that nothing said. */
  readonly assumed: Preprocessing | null;
}

/**
 * Reads samples, and says what was passed over and assumed.
 * @param images the most that are read
 * @throws what openCalibration and preprocessingFrom throw
 */
export async function openSamples(
  network: Network,
  path: string,
  images: number,
  options: PreprocessingArguments,
  purpose: string,
  screen: Screen,
): Promise<PreparedSamples> {
  const line = screen.progress("reading samples");
  const prepared = await prepare(network, path, images, options);
  const { calibration, assumed } = prepared;
  line.done(`${count(calibration.samples.count)} ${purpose}`);
  for (const remark of calibration.remarks) screen.say(remark);
  if (assumed) {
    const { mean = [], std = [] } = assumed;
    screen.say(
      `assumed, since the file does not say it: pixels / 255 with mean ${mean.join(", ")} and deviation ${std.join(", ")}` +
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
): Promise<PreparedSamples> {
  const input = inputOf(network);
  const chosen = await preprocessingFrom(options);
  const known = chosen ?? (input.normalization ? described(input.normalization, options) : null);
  const preprocessing = known ?? described(usualNormalization(input.shape[0]), options);
  const calibration = await openCalibration(path, input.shape, preprocessing, images, input.name);
  // floats are network values as they are; only pixels need a normalization
  if (!known && !calibration.pictures) return { network, calibration, assumed: null };
  return { network: withPreprocessing(network, preprocessing), calibration, assumed: known ? null : preprocessing };
}

function described({ mean, std }: Normalization, { resize, channels }: PreprocessingArguments): Preprocessing {
  return {
    mean,
    std,
    ...(channels && { channels }),
    ...(resize !== undefined && { resize }),
  };
}

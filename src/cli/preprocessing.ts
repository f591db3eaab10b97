// preprocessing.ts: what the options say about how pixels become a network's input.
import { normalizationOf, type Preprocessing, readPreprocessing } from "../data/index.js";
import type { Network } from "../graph/index.js";
import { inputOf, withNormalization } from "../pipeline/index.js";

export interface PreprocessingArguments {
  readonly preprocess?: string;
  readonly resize?: number;
  readonly channels?: Preprocessing["channels"];
  readonly range?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/**
 * Single options go before the file's fields.
 * @returns null where nothing says what a pixel's value is.
 * @throws what readPreprocessing throws.
 */
export async function preprocessingFrom(options: PreprocessingArguments): Promise<Preprocessing | null> {
  const { resize, channels, range, mean, std } = options;
  const file = options.preprocess === undefined ? null : await readPreprocessing(options.preprocess);
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

/** The network whose input takes pixels so. @throws BAD_OPTION for numbers that are not one a channel */
export function withPreprocessing(network: Network, preprocessing: Preprocessing): Network {
  return withNormalization(network, normalizationOf(preprocessing, inputOf(network).shape[0]));
}

// runnable.ts: whatever a command can run: a model, a float network of ours, or ONNX, and how it takes pictures.
import { stat } from "node:fs/promises";
import type { Preprocessing } from "../data/index.js";
import { normalizationOf } from "../data/index.js";
import { inputsOf, lower, type Network } from "../graph/index.js";
import { encodeModel, type InputPort, type ModelDef } from "../model/index.js";
import type { Normalization } from "../ops/index.js";
import { pixelHead, usualNormalization, withNormalization } from "../pipeline/index.js";
import { isOnnxFile, type NetworkArguments, RUNNABLE, readAnyNetwork, readModelFile } from "./files.js";
import { carriedBy, normalizationText, type PreprocessingArguments, preprocessingFrom } from "./preprocessing.js";

/** A file that runs. */
export interface Runnable {
  readonly kind: "model" | "network" | "onnx";
  readonly def: ModelDef;
  /** The float network of an ONNX file; null for the other kinds. */
  readonly network: Network | null;
  /** Bytes of the file, of an ONNX file as the float network that it becomes. */
  readonly bytes: Uint8Array;
  /** The file's own number of bytes. */
  readonly size: number;
}

/**
 * Reads a model, a network that train wrote, or an ONNX file, which runs in float32.
 * @throws as readModelFile and readAnyNetwork
 */
export async function readRunnable(
  path: string,
  options: NetworkArguments,
  say: (line: string) => void,
): Promise<Runnable> {
  if (!(await isOnnxFile(path))) {
    const file = await readModelFile(path, RUNNABLE);
    return { ...file, network: null, size: file.bytes.length };
  }
  const network = await readAnyNetwork(path, options, say);
  const def = lower(network, { grids: null });
  return { kind: "onnx", def, network, bytes: encodeModel(def), size: (await stat(path)).size };
}

/** A model that takes pictures, and how they are prepared for it. */
export interface Taking {
  readonly def: ModelDef;
  readonly preprocessing: Preprocessing;
}

/**
 * Finds out how a model of one input takes pictures: what options say, what it carries, what its first nodes do, or the usual way.
 * A model of several inputs is returned as it is.
 * @param say hears what was assumed
 */
export async function takingPictures(
  { def, network }: Pick<Runnable, "def" | "network">,
  options: PreprocessingArguments,
  say: (line: string) => void,
): Promise<Taking> {
  const [input, ...more] = def.inputs;
  if (more.length > 0) return { def, preprocessing: {} };
  const [channels] = def.tensors[input.tensor].shape;
  const own = await preprocessingFrom(options, input.name);
  const carried = { ...carriedBy(def, input.name), ...picturesOf(options), ...(own && picturesOf(own)) };
  const normalization = own
    ? normalizationOf(own, channels)
    : (input.normalization ?? unsaid(input, channels, network, say));
  return {
    def: { ...def, inputs: [{ ...input, normalization }] },
    preprocessing: { ...carried, mean: normalization.mean, std: normalization.std },
  };
}

/** The fields that make pictures. */
function picturesOf({ resize, channels }: Preprocessing): Preprocessing {
  return { ...(resize !== undefined && { resize }), ...(channels && { channels }) };
}

function unsaid(
  { name }: InputPort,
  channels: number,
  network: Network | null,
  say: (line: string) => void,
): Normalization {
  const node = network && inputsOf(network).find((one) => one.name === name);
  const head = network && node ? pixelHead(network, node) : null;
  if (head) {
    say(head.text);
    return head.normalization;
  }
  const usual = usualNormalization(channels);
  say(
    `assumed, since the file does not say it: pixels ${normalizationText(usual)}; --range, --mean, --std or --preprocess set another way`,
  );
  return usual;
}

/** The network whose inputs take pixels as a model does that was made of it. */
export function takingAs(network: Network, def: ModelDef): Network {
  return def.inputs.reduce(
    (net, { name, normalization }) =>
      normalization && inputsOf(net).some((input) => input.name === name)
        ? withNormalization(net, normalization, name)
        : net,
    network,
  );
}

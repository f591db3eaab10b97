// quantize-ready.ts: shiftwise quantize without images: a network that was quantized elsewhere, as it came.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";
import { writeAtomically } from "../base/system.js";
import { readWhole } from "../data/index.js";
import { packModel } from "../model/index.js";
import { importExported } from "../onnx/index.js";
import { type QuantizedLayer, quantizeReady } from "../pipeline/index.js";
import { bytes, counted } from "../report/index.js";
import type { Context } from "./command.js";
import { type NetworkArguments, readAnyNetwork } from "./files.js";
import { modelWithNames, type NamingArguments, withNames } from "./naming.js";
import { checkOutputs } from "./outputs.js";

/** Layers that a line names. */
const NAMED_MAX = 12;

/**
 * Runs the command.
 * @throws BAD_OPTION for a network that images are needed for; what its parts throw.
 */
export async function runReady(
  path: string,
  { out, ...options }: NetworkArguments & NamingArguments & { readonly out: string },
  { screen }: Context,
): Promise<void> {
  await checkOutputs([out], options, [path]);
  const origin = importExported(await readWhole(path));
  if (origin) {
    const file = packModel(await modelWithNames(origin, options));
    await writeAtomically(out, file);
    screen.result(
      { ready: [], bytes: file.length, out },
      `${out}: the model that ${path} was exported from, ${bytes(file.length)}`,
    );
    return;
  }
  const network = await withNames(await readAnyNetwork(path, options, screen.say), options);
  const { model, layers, averageBits } = convert(network);
  const file = packModel(model);
  await writeAtomically(out, file);
  const gzipBytes = (await promisify(gzip)(file, { level: 9 })).length;
  screen.result(
    { ready: layers, averageBits, bytes: file.length, gzipBytes, out },
    [
      readyText(layers, options.verbose === true),
      `${averageBits.toFixed(2)} bits a weight on average`,
      `${out}: ${bytes(file.length)}, gzip ${bytes(gzipBytes)}`,
    ].join("\n"),
  );
}

function convert(network: Parameters<typeof quantizeReady>[0]): ReturnType<typeof quantizeReady> {
  try {
    return quantizeReady(network);
  } catch (cause) {
    if (!(cause instanceof ShiftwiseError) || cause.code !== "BAD_GRAPH") throw cause;
    throw new ShiftwiseError("BAD_OPTION", "which images", {
      where: "quantize",
      expected: "--data, labelled images to retrain on, or --calibrate, images without labels",
      found: `neither, and ${cause.found} in ${cause.where}`,
      cause,
    });
  }
}

/** Says which layers came ready. */
export function readyText(layers: readonly QuantizedLayer[], all: boolean): string {
  const shown = all ? layers : layers.slice(0, NAMED_MAX);
  const rest = layers.length - shown.length;
  const names = shown.map(({ name, bits }) => `${name} (${counted(bits, "bit")})`);
  return `${counted(layers.length, "layer")} came ready, the weights stay as they are: ${[...names, ...(rest > 0 ? [`${rest} more`] : [])].join(", ")}`;
}

// files.ts: model and network files as commands take and leave them.
import { access, mkdir, rm } from "node:fs/promises";
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { contentOf, readWhole } from "../data/index.js";
import { isGzip, readSafetensors } from "../format/index.js";
import { isOnnx, kindText } from "../format/signatures.js";
import { decodeNetwork, lower, type Network, type NetworkFile } from "../graph/index.js";
import { decodeModel, type ModelDef } from "../model/index.js";
import { foreignKind, type InputShape, importOnnxFile } from "../onnx/index.js";
import { type CostTable, parseCosts } from "../pipeline/index.js";
import { constantOption, inputShapeOption, nameList } from "./arguments.js";

/** A safetensors file begins with the length of its JSON header; no ONNX file has a brace there. */
const BRACE = 0x7b;
const isContainer = (bytes: Uint8Array): boolean => bytes[8] === BRACE;
/** The most bytes of a header that are searched. */
const HEADER_MOST = 2 ** 24;

/** Whether a container is ours, if a damaged one: others have weights alone. */
export function isOurs(bytes: Uint8Array): boolean {
  if (!isContainer(bytes)) return false;
  const { buffer, byteOffset } = bytes;
  const length = Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  const header = bytes.subarray(8, 8 + Math.min(length, HEADER_MOST));
  return new TextDecoder("latin1").decode(header).includes('"shiftwise"');
}

/**
 * Reads a file of ours, and says what another one is: its decoder would speak of a header's length.
 * @throws IO, BAD_FILE
 */
async function readOurs(path: string, expected: string = WANTED.model): Promise<Uint8Array> {
  const bytes = await readWhole(path);
  // a short file is for the decoders, which have their own word for gzip, too
  if ((bytes.length > 0 && bytes.length <= 8) || isOurs(bytes) || isGzip(bytes)) return bytes;
  const kind = foreignKind(bytes);
  throw new ShiftwiseError("BAD_FILE", "not a file of shiftwise", {
    where: path,
    expected,
    // that with advice, else that which shows the beginning
    found: kind?.advice === undefined ? contentOf(bytes) : kindText(kind),
  });
}

const FINISHED = "a finished model, whose weights are quantized already";
/** The kinds of our files, and what to do with one where another is wanted. */
const KINDS = {
  model: FINISHED,
  packed: FINISHED,
  network: "a float network",
  checkpoint: "a checkpoint of a training, which --resume continues",
} as const;
const WANTED = {
  model: "a model that quantize wrote, or a network that train wrote",
  network: "a float network: an ONNX file, or what train wrote",
} as const;

/** @throws BAD_FILE in plain words for a file of ours of another kind; what is wrong otherwise the decoders say */
function checkKind(bytes: Uint8Array, path: string, wanted: keyof typeof WANTED, kinds: readonly string[]): string {
  // a decoder has its own word for gzip
  const kind = isGzip(bytes) ? "model" : (readSafetensors(bytes, path).metadata.kind ?? "");
  if (kinds.includes(kind) || !Object.hasOwn(KINDS, kind)) return kind;
  throw new ShiftwiseError("BAD_FILE", `not a ${wanted === "model" ? "model" : "float network"}`, {
    where: path,
    expected: WANTED[wanted],
    found: KINDS[kind as keyof typeof KINDS],
  });
}

export interface ModelFile {
  /** "network": a trainable float network, lowered to what the runtime runs. */
  readonly kind: "model" | "network";
  readonly def: ModelDef;
  /** The bytes of the file. */
  readonly bytes: Uint8Array;
}

/** Files that a command runs which takes ONNX, too. */
export const RUNNABLE = `an ONNX file, ${WANTED.model}`;

/**
 * Reads what the runtime can run: a model file, or a network file that is lowered, with its grids if it has some.
 * @param expected what is said of a file of another program
 * @throws IO, BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH, OVERFLOW
 */
export async function readModelFile(path: string, expected?: string): Promise<ModelFile> {
  const bytes = await readOurs(path, expected);
  const isNetwork = checkKind(bytes, path, "model", ["model", "packed", "network"]) === "network";
  if (!isNetwork) return { kind: "model", def: decodeModel(bytes, path), bytes };
  const { network, grids } = decodeNetwork(bytes, path);
  return { kind: "network", def: lower(network, { grids: grids.size > 0 ? grids : null }), bytes };
}

/**
 * Reads a trainable network.
 * @throws IO, BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH
 */
export async function readNetworkFile(path: string): Promise<NetworkFile> {
  const bytes = await readOurs(path);
  checkKind(bytes, path, "network", ["network"]);
  return decodeNetwork(bytes, path);
}

/**
 * Whether a file is an ONNX network, as far as its first bytes tell.
 * @throws IO
 */
export async function isOnnxFile(path: string): Promise<boolean> {
  const bytes = await readWhole(path);
  return !isOurs(bytes) && isOnnx(bytes);
}

/** The options about an ONNX file. */
export interface NetworkArguments {
  readonly inputShape?: InputShape;
  readonly outputs?: readonly string[];
  readonly constant?: Readonly<Record<string, readonly number[]>>;
  /** Say also what is only worth knowing. */
  readonly verbose?: boolean;
}

/** Adds the options of NetworkArguments that say how an ONNX file is read. */
export function addNetworkOptions(command: Command): void {
  command
    .option(
      "--input-shape <CxHxW>",
      "size of the input where the file leaves it open, with all its axes: 3x224x224, 1x8000, or name=1x8000",
      inputShapeOption,
    )
    .option(
      "--outputs <names>",
      "values that become the outputs, with commas; nodes behind them are left out",
      nameList("--outputs"),
    )
    .option("--constant <name=value>", "constant that replaces an input; may be repeated", constantOption);
}

/**
 * Reads a float network from whichever kind of file it is: one that train wrote, or ONNX.
 * @param say is given remarks on the file, a line each.
 * @param like a model that was made of it, which has the sizes that the file leaves open
 * @throws IO; what decodeNetwork and importOnnx throw; BAD_GRAPH for a network that is quantized already.
 */
export async function readAnyNetwork(
  path: string,
  { inputShape, outputs, constant: constants, verbose }: NetworkArguments,
  say: (line: string) => void,
  like?: ModelDef,
): Promise<Network> {
  const content = await readWhole(path);
  // importing has its own word for files of other programs
  if (!isOurs(content)) {
    return importOnnxFile(path, {
      inputShape,
      openSizes: like && sizesOf(like),
      outputs,
      constants,
      onRemark(text, level) {
        if (verbose || level === "warning") say(`${level}: ${text}`);
      },
    });
  }
  checkKind(content, path, "network", ["network"]);
  const { network, grids } = decodeNetwork(content, path);
  if (grids.size === 0) return network;
  throw new ShiftwiseError("BAD_GRAPH", "already quantized", { where: path, expected: WANTED.network });
}

/** The sizes of a model's inputs by name. */
function sizesOf({ inputs, tensors }: ModelDef): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(inputs.map(({ name, tensor, dims }) => [name, dims ?? tensors[tensor].shape]));
}

/**
 * Reads a table of costs that calibrate-costs wrote.
 * @throws IO; BAD_FILE
 */
export async function readCosts(path: string): Promise<CostTable> {
  return parseCosts(new TextDecoder().decode(await readWhole(path)), path);
}

/**
 * Makes a folder, and those above it, where there is none.
 * @throws IO
 */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause) => {
    throw refused("cannot make the folder", path, cause);
  });
}

/** Returns the path of the checkpoint of a run that ends in `out`. */
export function checkpointPath(out: string): string {
  return `${out}.checkpoint`;
}

/**
 * Refuses --resume without a checkpoint. @throws IO
 */
export async function checkCheckpoint(path: string): Promise<void> {
  await access(path).catch((cause) => {
    throw refused("no checkpoint to resume from", path, cause);
  });
}

/** @throws IO */
export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true }).catch((cause) => {
    throw refused("cannot remove the checkpoint", path, cause);
  });
}

function refused(message: string, where: string, cause: unknown): ShiftwiseError {
  return new ShiftwiseError("IO", message, {
    where,
    found: reason(cause),
    cause,
  });
}

// files.ts: model and network files as commands take and leave them.
import { access, constants, readFile, rm, stat, writeFile } from "node:fs/promises";
import { ShiftwiseError } from "../base/index.js";
import { isGzip, readSafetensors } from "../format/index.js";
import { decodeNetwork, lower, type Network, type NetworkFile } from "../graph/index.js";
import { decodeModel, type ModelDef } from "../model/index.js";
import { importOnnxFile } from "../onnx/index.js";
import type { Shape } from "../ops/index.js";

/** @throws IO, naming the file. */
async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw refused("cannot read the file", path, cause);
  }
}

export interface ModelFile {
  /** "network": a trainable float network, lowered to what the runtime runs. */
  readonly kind: "model" | "network";
  readonly def: ModelDef;
  /** Of the file. */
  readonly bytes: Uint8Array;
}

/**
 * Reads what the runtime can run: a model file, or a network file that is lowered, with its grids if it has some.
 * @throws IO, BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH, OVERFLOW
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const bytes = await readInput(path);
  // decodeModel has its own word for gzip
  const isNetwork = !isGzip(bytes) && readSafetensors(bytes, path).metadata.kind === "network";
  if (!isNetwork) return { kind: "model", def: decodeModel(bytes, path), bytes };
  const { network, grids } = decodeNetwork(bytes, path);
  return { kind: "network", def: lower(network, { grids: grids.size > 0 ? grids : null }), bytes };
}

/**
 * Reads a trainable network.
 * @throws IO, BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH
 */
export async function readNetworkFile(path: string): Promise<NetworkFile> {
  return decodeNetwork(await readInput(path), path);
}

/** A safetensors file begins with the length of its JSON header; no ONNX file has a brace there. */
const BRACE = 0x7b;

/**
 * Reads a float network from whichever kind of file it is: one that train wrote, or ONNX, whose last softmax is left out.
 * @param inputShape of an ONNX file that leaves it open.
 * @throws IO; what decodeNetwork and importOnnx throw; BAD_GRAPH for a network that is quantized already.
 */
export async function readAnyNetwork(path: string, inputShape?: Shape): Promise<Network> {
  const content = await readInput(path);
  if (content.length > 8 && content[8] !== BRACE && !isGzip(content)) {
    return importOnnxFile(path, { logits: true, ...(inputShape && { inputShape }) });
  }
  const { network, grids } = decodeNetwork(content, path);
  if (grids.size === 0) return network;
  throw new ShiftwiseError("BAD_GRAPH", "already quantized", { where: path, expected: "a float network" });
}

/**
 * Finds out before hours of work whether a file can be written at all: tries beside it, leaves nothing behind.
 * @throws IO
 */
export async function checkWritable(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    throw new ShiftwiseError("IO", "cannot write the file", { where: path, expected: "a file", found: "a folder" });
  }
  const beside = `${path}.${process.pid}.partial`;
  try {
    if (found) await access(path, constants.W_OK);
    await writeFile(beside, "");
    await rm(beside);
  } catch (cause) {
    throw refused("cannot write the file", path, cause);
  }
}

/** Where a run that ends in `out` keeps its checkpoint. */
export function checkpointPath(out: string): string {
  return `${out}.checkpoint`;
}

/**
 * For --resume: the checkpoint must be there.
 * @throws IO
 */
export async function checkCheckpoint(path: string): Promise<void> {
  await access(path).catch((cause) => {
    throw refused("no checkpoint to resume from", path, cause);
  });
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true });
}

function refused(message: string, where: string, cause: unknown): ShiftwiseError {
  return new ShiftwiseError("IO", message, {
    where,
    found: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

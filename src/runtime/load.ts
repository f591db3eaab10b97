// load.ts: a model's bytes from wherever they are: memory, a URL, a Response, a file; gzip decoded on the way.
import { ShiftwiseError } from "../base/index.js";
import { crc32, fields, isGzip, openFile, parseJson } from "../format/index.js";
import { type ModelDef, readOpened } from "../model/index.js";
import { openFeed } from "./feed.js";
import type { Feed } from "./file-feed.js";
import type { Unzip } from "./gzip.js";
import { checkSize, Intake } from "./intake.js";
import { MEMORY_DEFAULT } from "./memory.js";
import type { FetchOptions, LoadOptions } from "./options.js";
import { type ModelSource, type Source, sourceOf } from "./source.js";

interface Limits extends FetchOptions, Pick<LoadOptions, "cache" | "memoryLimit"> {}

/** An error that a listener of the caller's has thrown: its own affair, and handed on as it is. */
class Thrown {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

/**
 * Reads and checks a model.
 * @throws BAD_OPTION for what is no source; BAD_DATA for bytes that were handed over; NETWORK for a failed or cut download,
 * IO for an unreadable file, ABORTED; BAD_FILE for a web page in place of a model; OVERFLOW for a file above the limit or
 * without memory; errors of decodeModel; and what `onProgress` throws
 */
export async function fetchModel(source: ModelSource, options: Limits = {}): Promise<ModelDef> {
  const from = sourceOf(source);
  const read = (source: Source) => readModel(source, options);
  if (!options.cache || from.kind !== "address") return (await read(from)).def;
  const { readThroughCache } = await import("./cache.js");
  return readThroughCache(from.where, options, read, ShiftwiseError);
}

/** A model and the bytes of its file. Errors as for fetchModel. */
async function readModel(from: Source, options: Limits): Promise<{ def: ModelDef; bytes: Uint8Array }> {
  const { where } = from;
  const { memoryLimit = MEMORY_DEFAULT } = options;
  const bytes = await untilAborted(options.signal, where, contentOf(from, options));
  try {
    let file = openFile(bytes, ["model", "packed"], where);
    if (file.kind === "packed") {
      file = (await import("../format/packed.js")).unpackFile(file, where, memoryLimit, parseJson, fields.expect);
    }
    return { def: readOpened(file, where, memoryLimit), bytes };
  } catch (cause) {
    if (cause instanceof RangeError) throw new ShiftwiseError("OVERFLOW", "no memory for the model", { where, cause });
    throw await explained(cause, bytes, where);
  }
}

/** An error of a file, or a better one, which says what came instead of a model. */
async function explained(error: unknown, bytes: Uint8Array, where: string): Promise<unknown> {
  if (!(error instanceof ShiftwiseError && ["BAD_FILE", "TRUNCATED"].includes(error.code))) return error;
  const foreign = await import("./foreign.js").catch(() => null);
  return foreign?.foreignError(bytes, where, ShiftwiseError) ?? error;
}

/**
 * Stops what the controller stops as soon as the signal of a caller does, which may be of another realm, and whose
 * functions may throw: what they throw comes from here, or is the reason of the end.
 * @returns lets go of the signal
 */
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  const stop = (): void => {
    try {
      controller.abort(signal?.reason);
    } catch (error) {
      controller.abort(error);
    }
  };
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  return () => signal?.removeEventListener("abort", stop);
}

/**
 * Settles as the work does, or with ABORTED as soon as the signal says so, whatever the work waits for.
 * @param signal one of this realm
 * @param late takes what the work gives when nobody waits for it any more
 */
export function untilAborted<T>(
  signal: AbortSignal | undefined,
  where: string,
  work: Promise<T>,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(aborted(where, signal?.reason));
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
    work
      .then((value) => (signal?.aborted ? late?.(value) : resolve(value)), reject)
      .finally(() => signal?.removeEventListener("abort", stop))
      .catch(reject);
  });
}

function aborted(where: string, cause: unknown): ShiftwiseError {
  return new ShiftwiseError("ABORTED", "loading was stopped", { where, cause });
}

/** A model file's bytes, unpacked, no more of them than its header declares. Errors as for fetchModel. */
async function contentOf(from: Source, options: Limits): Promise<Uint8Array> {
  const { where } = from;
  const { signal } = options;
  try {
    signal?.throwIfAborted();
    const isPlain = from.kind === "bytes" && !isGzip(from.bytes);
    const bytes = isPlain
      ? await contentOfBytes(from.bytes, options)
      : await readAll(await openFeed(from, signal), where, options);
    // a listener of the progress may have stopped it
    signal?.throwIfAborted();
    return bytes;
  } catch (cause) {
    if (cause instanceof Thrown) throw cause.error;
    if (signal?.aborted) throw aborted(where, cause);
    if (cause instanceof ShiftwiseError) throw cause;
    const details = { where, found: causesOf(cause), cause };
    if (from.kind === "blob") throw new ShiftwiseError("IO", "cannot read the model", details);
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", details);
  }
}

async function contentOfBytes(
  bytes: Uint8Array,
  { memoryLimit = MEMORY_DEFAULT, onProgress }: Limits,
): Promise<Uint8Array> {
  checkSize(bytes.length, memoryLimit, "");
  await report(onProgress, bytes.length, bytes.length);
  return bytes;
}

async function report(onProgress: FetchOptions["onProgress"], loaded: number, total: number | null): Promise<void> {
  try {
    await onProgress?.({ loaded, total: total !== null && loaded <= total ? total : null });
  } catch (error) {
    throw new Thrown(error);
  }
}

/** The whole of a feed, unpacked while it comes if it begins as gzip does. */
async function readAll(feed: Feed, where: string, options: Limits): Promise<Uint8Array> {
  const { signal, onProgress, memoryLimit = MEMORY_DEFAULT } = options;
  const stop = (): void => feed.stop(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  const file = new Intake(memoryLimit, where);
  let unzip: Unzip | null = null;
  try {
    let loaded = 0;
    let head: Uint8Array | null = new Uint8Array(0);
    for (;;) {
      const piece = await feed.next();
      signal?.throwIfAborted();
      if (!piece) break;
      if (piece.length === 0) continue;
      loaded += piece.length;
      checkSize(loaded, memoryLimit, where);
      if (unzip) file.checkPacked(loaded);
      await report(onProgress, loaded, feed.total);
      signal?.throwIfAborted();
      let bytes = piece;
      if (head) {
        bytes = joined(head, piece);
        // the signature has two bytes
        if (bytes.length < 2) {
          head = bytes;
          continue;
        }
        head = null;
        if (isGzip(bytes)) {
          unzip = new (await import("./gzip.js")).Unzip(file, where, { Failure: ShiftwiseError, crc32 });
        }
      }
      if (unzip) await unzip.take(bytes);
      else file.take(bytes);
      signal?.throwIfAborted();
    }
    if (feed.total !== null && loaded < feed.total) {
      throw new ShiftwiseError("NETWORK", "the download was cut", {
        where,
        expected: `${feed.total} bytes`,
        found: `${loaded} bytes`,
      });
    }
    if (head) file.take(head);
    return unzip ? await unzip.end() : file.end();
  } catch (error) {
    unzip?.stop();
    throw await explained(error, file.end(), where);
  } finally {
    signal?.removeEventListener("abort", stop);
    feed.stop();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** "fetch failed" alone says nothing of why. */
function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

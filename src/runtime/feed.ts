// feed.ts: the bytes of any source, piece after piece.

import { isArray, ownView, ShiftwiseError } from "../base/index.js";
import type { Source } from "./source.js";

export interface Feed {
  /** Bytes that are to come; null where the sender does not say. */
  readonly total: number | null;
  /** The next bytes, null behind the last. */
  readonly next: () => Promise<Uint8Array | null>;
  /** Gives up what is not read; a `next` that waits gets null. */
  readonly stop: (reason?: unknown) => void;
}

/** Bytes that a file is read in. */
const PIECE = 1 << 18;

/**
 * Begins to read a source.
 * @throws NETWORK for a status other than 2xx, IO for an unreadable file; and as fetch does
 */
export async function openFeed(source: Source, signal?: AbortSignal): Promise<Feed> {
  switch (source.kind) {
    case "bytes":
      return feedOfBytes(source.bytes);
    case "blob":
      return feedOfStream(source.blob.stream(), source.blob.size);
    case "response":
      return feedOfResponse(source.response, source.where);
    case "address": {
      const isFile = source.where.startsWith("file:") && typeof process !== "undefined" && process.versions?.node;
      if (isFile) return feedOfFile(source.where);
      return feedOfResponse(await fetch(source.where, { signal }), source.where);
    }
  }
}

function feedOfBytes(bytes: Uint8Array): Feed {
  let left: Uint8Array | null = bytes;
  const stop = (): void => {
    left = null;
  };
  const next = async (): Promise<Uint8Array | null> => {
    const piece = left;
    stop();
    return piece;
  };
  return { total: bytes.length, next, stop };
}

function feedOfResponse(response: Response, where: string): Feed {
  if (!response.ok) {
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", {
      where,
      expected: "status 200",
      found: `status ${response.status}`,
    });
  }
  if (!response.body) return feedOfBytes(new Uint8Array(0));
  // a transport encoding makes the length that of other bytes than those which arrive
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  return feedOfStream(response.body, length === null ? null : Number(length));
}

function feedOfStream(stream: ReadableStream<Uint8Array>, total: number | null): Feed {
  const reader = stream.getReader();
  return {
    total,
    async next() {
      const { done, value } = await reader.read();
      if (done) return null;
      return bytesOfPiece(value);
    },
    stop: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

/** A piece of a stream as an array of this realm. @throws TypeError for what is no bytes */
export function bytesOfPiece(value: unknown): Uint8Array {
  const view = isArray(value, "Uint8Array") ? ownView(value) : null;
  if (view) return view;
  throw new TypeError("the stream is none of bytes");
}

async function feedOfFile(where: string): Promise<Feed> {
  const failed = (cause: unknown): never => {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError("IO", "cannot read the model", { where, found, cause });
  };
  // not an import: bundlers for the browser must not find one
  const { constants, open } = process.getBuiltinModule("node:fs/promises");
  // for reading only; a named pipe is opened at once and refused, where it would else wait for a writer, out of any signal's reach
  const file = await open(new URL(where), constants.O_NONBLOCK ?? 0).catch(failed);
  let over = false;
  const stop = (): void => {
    if (!over) file.close().catch(() => {});
    over = true;
  };
  const stat = await file.stat().catch((cause) => {
    stop();
    return failed(cause);
  });
  if (!stat.isFile()) {
    stop();
    const expected = "a regular file; of a pipe or device, new Response(Readable.toWeb(createReadStream(path)))";
    throw new ShiftwiseError("IO", "cannot read the model", { where, expected, found: "no regular file" });
  }
  return {
    total: stat.size,
    stop,
    async next() {
      if (over) return null;
      const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE).catch(failed);
      return bytesRead > 0 ? buffer.subarray(0, bytesRead) : null;
    },
  };
}

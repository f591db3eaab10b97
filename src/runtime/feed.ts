// feed.ts: the bytes of any source, piece after piece.

import { isArray, ownView, ShiftwiseError } from "../base/index.js";
import type { Feed } from "./file-feed.js";
import type { Source } from "./source.js";

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
      if (isFile) return (await import("./file-feed.js")).feedOfFile(source.where, ShiftwiseError);
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

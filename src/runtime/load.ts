// load.ts: a model's bytes from wherever they are: memory, a URL, a Response, a file; gzip decoded on the way.

import { ShiftwiseError } from "../base/index.js";
import { isGzip } from "../format/index.js";
import { decodeModel, type ModelDef } from "../model/index.js";

/** Bytes of a file (gzip or not), a file that a user chose, an address to fetch, or an answer already under way. */
export type ModelSource = Uint8Array | ArrayBuffer | Blob | URL | string | Response;

/** Bytes as they come in, gzip or not. `total` is null where the sender does not say. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number | null;
}

export interface FetchOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Reads and checks a model.
 * @throws NETWORK for a failed or cut download, IO for an unreadable file, ABORTED; BAD_FILE for a web page in place of
 * a model; OVERFLOW without memory for the file; errors of decodeModel
 */
export async function fetchModel(source: ModelSource, options: FetchOptions = {}): Promise<ModelDef> {
  const { signal } = options;
  const where = placeOf(source);
  try {
    signal?.throwIfAborted();
    const bytes = await bytesOf(source, where, options);
    refuseWebPage(bytes, where);
    return decodeModel(bytes, where);
  } catch (cause) {
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "loading was stopped", { where, cause });
    if (cause instanceof ShiftwiseError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof RangeError) {
      throw new ShiftwiseError("OVERFLOW", "no memory for the model file", { where, found, cause });
    }
    if (typeof Blob !== "undefined" && source instanceof Blob) {
      throw new ShiftwiseError("IO", "cannot read the model", { where, found, cause });
    }
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", { where, found, cause });
  }
}

function placeOf(source: ModelSource): string {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return "";
  if (source instanceof Response) return source.url;
  if (source instanceof Blob) return "name" in source ? String(source.name) : "";
  return String(source);
}

async function bytesOf(source: ModelSource, where: string, options: FetchOptions): Promise<Uint8Array> {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
    if (isGzip(bytes)) return readAll(new Blob([bytes as BlobPart]).stream(), bytes.length, where, options);
    options.onProgress?.({ loaded: bytes.length, total: bytes.length });
    return bytes;
  }
  if (source instanceof Blob) return readAll(source.stream(), source.size, where, options);
  const response = source instanceof Response ? source : await request(where, options.signal);
  if (!response.ok) {
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", {
      where,
      expected: "status 200",
      found: `status ${response.status}`,
    });
  }
  if (!response.body) return new Uint8Array(0);
  // a transport encoding makes the length that of other bytes than those which arrive
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  return readAll(response.body, length === null ? null : Number(length), where, options);
}

/** fetch() that also reads file: addresses where the host is Node. */
async function request(where: string, signal?: AbortSignal): Promise<Response> {
  if (!where.startsWith("file:") || typeof process === "undefined" || !process.versions?.node) {
    return fetch(where, { signal });
  }
  // not an import: bundlers for the browser must not find one
  const { readFile } = process.getBuiltinModule("node:fs/promises");
  try {
    const bytes = await readFile(new URL(where), { signal });
    return new Response(new Uint8Array(bytes), { headers: { "content-length": String(bytes.length) } });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError("IO", "cannot read the model", { where, found, cause });
  }
}

/** The whole stream, unpacked while it comes if it begins as gzip does. */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  total: number | null,
  where: string,
  { signal, onProgress }: FetchOptions,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const stop = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  try {
    let loaded = 0;
    let sink: Sink | null = null;
    let head: Uint8Array = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      loaded += value.length;
      onProgress?.({ loaded, total: total !== null && loaded <= total ? total : null });
      if (sink) await sink.write(value);
      else {
        head = head.length === 0 ? value : joined([head, value]);
        // the signature has two bytes
        if (head.length < 2) continue;
        sink = isGzip(head) ? unzipper(where) : collector();
        await sink.write(head);
      }
    }
    if (total !== null && loaded < total) {
      throw new ShiftwiseError("NETWORK", "the download was cut", {
        where,
        expected: `${total} bytes`,
        found: `${loaded} bytes`,
      });
    }
    return sink ? await sink.finish() : head;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<Uint8Array>;
}

function collector(): Sink {
  const parts: Uint8Array[] = [];
  return {
    async write(chunk) {
      parts.push(chunk);
    },
    finish: async () => joined(parts),
  };
}

function unzipper(where: string): Sink {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const whole = new Response(readable).arrayBuffer();
  const damaged = (cause: unknown): never => {
    throw new ShiftwiseError("TRUNCATED", "the gzip stream is cut or damaged", { where, cause });
  };
  // it is awaited at the end; a failure until then is not an unhandled one
  whole.catch(() => {});
  return {
    write: (chunk) => writer.write(chunk as BufferSource).catch(damaged),
    async finish() {
      const closed = writer.close().catch(damaged);
      closed.catch(() => {});
      const bytes = new Uint8Array(await whole.catch(damaged));
      await closed;
      return bytes;
    },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** No model begins so: read as a header's length these bytes are far beyond the limit. */
function refuseWebPage(bytes: Uint8Array, where: string): void {
  const start = new TextDecoder().decode(bytes.subarray(0, 40)).trimStart();
  if (!/^<(!doctype|html|\?xml|!--)/i.test(start)) return;
  throw new ShiftwiseError("BAD_FILE", "a web page came instead of a model", {
    where,
    expected: "a shiftwise model file",
    found: start,
  });
}

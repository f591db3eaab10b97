// load.ts: a model's bytes from wherever they are: memory, a URL, a Response, a file.
import { decodeModel, type ModelDef, ShiftwiseError } from "../format/index.js";

/** Bytes of a file (gzip or not), an address to fetch, or an answer already under way. */
export type ModelSource = Uint8Array | ArrayBuffer | URL | string | Response;

/**
 * Reads and checks a model.
 * @throws NETWORK for a failed or cut download, IO for an unreadable file, ABORTED; errors of decodeModel
 */
export async function fetchModel(source: ModelSource, signal?: AbortSignal): Promise<ModelDef> {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
    return decodeModel(await gunzipped(bytes));
  }
  const where = source instanceof Response ? source.url : String(source);
  try {
    const response = source instanceof Response ? source : await request(where, signal);
    if (!response.ok) {
      throw new ShiftwiseError("NETWORK", "the model could not be fetched", {
        where,
        expected: "status 200",
        found: `status ${response.status}`,
      });
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    return decodeModel(await gunzipped(bytes), where);
  } catch (cause) {
    if (cause instanceof ShiftwiseError) throw cause;
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "loading was stopped", { where, cause });
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", { where, found, cause });
  }
}

/** fetch() that also reads file: addresses where the host is Node. */
async function request(where: string, signal?: AbortSignal): Promise<Response> {
  if (!where.startsWith("file:") || typeof process === "undefined" || !process.versions?.node) {
    return fetch(where, { signal });
  }
  // not an import: bundlers for the browser must not find one
  const { readFile } = process.getBuiltinModule("node:fs/promises");
  try {
    return new Response(new Uint8Array(await readFile(new URL(where), { signal })));
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError("IO", "cannot read the model", { where, found, cause });
  }
}

async function gunzipped(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Response(bytes as BufferSource).body!.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new ShiftwiseError("TRUNCATED", "the gzip stream is cut or damaged", { cause });
  }
}

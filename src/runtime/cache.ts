// cache.ts: models that a browser keeps, so that they load without a network; loaded where one is to be kept.
import type { ShiftwiseError } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import type { LoadOptions } from "./options.js";
import type { Source } from "./source.js";

/** The cache's name in the Cache API of the page's origin. */
const NAME = "shiftwise-models";
/** Errors of a file that was kept, after which it is fetched anew. */
const BROKEN = ["BAD_FILE", "BAD_GRAPH", "CHECKSUM", "TRUNCATED", "NETWORK"];

type Read = (source: Source) => Promise<{ readonly def: ModelDef; readonly bytes: Uint8Array }>;

/**
 * Reads a model from the cache, or fetches it and keeps it once it is known to be whole.
 * @param where its address
 * @param read reads a model from a source
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @throws as `read`, and what a listener for problems throws; a model that cannot be kept is no error
 */
export async function readThroughCache(
  where: string,
  { cache }: LoadOptions,
  read: Read,
  Failure: typeof ShiftwiseError,
): Promise<ModelDef> {
  const problem = async (expected: string, cause: unknown): Promise<undefined> => {
    const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const error = new Failure("IO", "the model was loaded, but cannot be kept for later", {
      where,
      expected,
      found,
      cause,
    });
    if (typeof cache === "function") await cache(error);
  };
  let store: Cache | undefined;
  let kept: Response | undefined;
  try {
    store = await caches.open(NAME);
    kept = await store.match(where);
  } catch (cause) {
    await problem("a page with https: or of localhost, whose visitor allows storage", cause);
  }
  if (kept) {
    try {
      return (await read({ kind: "response", response: kept, where })).def;
    } catch (error) {
      if (!(error instanceof Failure && BROKEN.includes(error.code))) throw error;
      await store?.delete(where).catch(() => {});
    }
  }
  const { def, bytes } = await read({ kind: "address", where });
  try {
    const headers = { "content-length": String(bytes.length) };
    await store?.put(where, new Response(bytes as BufferSource, { headers }));
  } catch (cause) {
    const isFull = cause instanceof Error && cause.name === "QuotaExceededError";
    const room = `${bytes.length} bytes of room: caches.delete("${NAME}") frees what other models take`;
    await problem(isFull ? room : "an address with https: or http:", cause);
  }
  return def;
}

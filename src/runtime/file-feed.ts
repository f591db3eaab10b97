// file-feed.ts: the bytes of a file in Node, piece after piece; loaded where there is one to read.
import type { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";

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
 * Begins to read a file.
 * @param where a file: URL
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @throws IO for what is no file that can be read
 */
export async function feedOfFile(where: string, Failure: typeof ShiftwiseError): Promise<Feed> {
  const failed = (cause: unknown): never => {
    throw new Failure("IO", "cannot read the model", { where, found: reason(cause), cause });
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
    throw new Failure("IO", "cannot read the model", { where, expected, found: "no regular file" });
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

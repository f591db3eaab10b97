// gzip.ts: unpacks a gzip file while it comes in, in small steps, so that whoever takes its bytes can stop at any time.
import type { ShiftwiseError } from "../base/index.js";
import type { crc32 } from "../format/index.js";

/** Bytes that are fed at once: deflate makes at most 1032 bytes of one, so 16 MB of this. */
const STEP = 16384;
/** Bytes of a file that tell whether its first member is empty. */
const HEAD = 4096;
/** Bytes of a member's header that are always there, and flags of those that may follow (RFC 1952). */
const FIXED = 10;
const CHECK = 2;
const EXTRA = 4;
const TEXTS = [8, 16];
/** CRC-32 and length of what was packed, at a member's end. */
const TRAILER = 8;

/** The receiver of the unpacked bytes. */
interface Taker {
  take(chunk: Uint8Array): void;
  end(): Uint8Array;
}

/**
 * The parts of the entry that this file calls. They are handed over, since a bundler would cut a file off the entry that the
 * entry shares with a part which is loaded later.
 */
interface Tools {
  readonly Failure: typeof ShiftwiseError;
  readonly crc32: typeof crc32;
}

export class Unzip {
  readonly #tools: Tools;
  readonly #to: Taker;
  readonly #where: string;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #pump: Promise<void>;
  readonly #cancel: () => void;
  #failure: ShiftwiseError | null = null;
  #head: Uint8Array = new Uint8Array(0);
  #tail: Uint8Array = new Uint8Array(0);

  /** @throws UNSUPPORTED where the host cannot unpack gzip */
  constructor(to: Taker, where: string, tools: Tools) {
    this.#tools = tools;
    this.#to = to;
    this.#where = where;
    if (typeof DecompressionStream === "undefined") {
      const expected = "the file unpacked, or a host that has DecompressionStream";
      throw new tools.Failure("UNSUPPORTED", "gzip cannot be unpacked here", { where, expected });
    }
    const { readable, writable } = new DecompressionStream("gzip");
    this.#writer = writable.getWriter();
    const reader = readable.getReader();
    this.#cancel = () => {
      reader.cancel().catch(() => {});
      this.#writer.abort().catch(() => {});
    };
    this.#pump = this.#pass(reader);
  }

  /** Feeds the next bytes. @throws TRUNCATED, BAD_FILE, and as the taker */
  async take(chunk: Uint8Array): Promise<void> {
    if (this.#head.length < HEAD) this.#head = Uint8Array.from([...this.#head, ...chunk.subarray(0, HEAD)]);
    this.#tail = lastOf(this.#tail, chunk);
    for (let at = 0; at < chunk.length; at += STEP) {
      // copied: nothing fed may change, and shared memory cannot be fed
      await this.#fed(this.#writer.write(chunk.slice(at, at + STEP)));
    }
  }

  /** The whole unpacked file. @throws TRUNCATED for a cut stream, BAD_FILE for several members and bytes behind them */
  async end(): Promise<Uint8Array> {
    await this.#fed(this.#writer.close());
    await this.#pump;
    if (this.#failure) throw this.#failure;
    const bytes = this.#to.end();
    // some hosts take several members for one stream, and pass over what is none
    const trailer = new DataView(this.#tail.buffer);
    const whole =
      trailer.getUint32(4, true) === bytes.length && trailer.getUint32(0, true) === this.#tools.crc32(bytes);
    if (!whole || (bytes.length > 0 && isEmptyMember(this.#head))) {
      throw this.#broken("more than one member, or bytes after it");
    }
    return bytes;
  }

  /** Gives everything up. */
  stop(): void {
    this.#failure ??= this.#broken("stopped");
    this.#cancel();
  }

  /** Waits until the unpacker has taken what it was fed, or has failed. */
  async #fed(done: Promise<void>): Promise<void> {
    await Promise.race([done.catch((cause) => this.#fail(cause)), this.#pump]);
    if (this.#failure) throw this.#failure;
  }

  async #pass(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#to.take(value);
      }
    } catch (cause) {
      this.#fail(cause);
      this.#cancel();
    }
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause instanceof this.#tools.Failure ? cause : this.#broken(String(cause), cause);
  }

  /** Hosts say that other bytes follow in words of their own only. */
  #broken(found: string, cause?: unknown): ShiftwiseError {
    const { Failure } = this.#tools;
    const details = { where: this.#where, found, cause };
    if (!/junk|trailing|after|extra|more than one/i.test(found)) {
      return new Failure("TRUNCATED", "the gzip stream is cut or damaged", details);
    }
    return new Failure("BAD_FILE", "other bytes follow the gzip stream", { ...details, expected: "one member" });
  }
}

/** Whether a gzip file's first member holds nothing: all of its deflate blocks are empty, up to the last. */
function isEmptyMember(head: Uint8Array): boolean {
  const [, , , flags] = head;
  let at = FIXED;
  if (flags & EXTRA) at += 2 + head[at] + 256 * head[at + 1];
  for (const text of TEXTS) if (flags & text) at = head.indexOf(0, at) + 1;
  if (flags & CHECK) at += 2;
  for (let bit = 8 * at; bit < 8 * head.length; ) {
    at = bit >> 3;
    const block = (head[at] | (head[at + 1] << 8) | (head[at + 2] << 16)) >> (bit & 7);
    if ((block & 6) === 0) {
      // stored: at the next whole byte its length, and that once more inverted
      at = (bit + 10) >> 3;
      if (head[at] || head[at + 1]) return false;
      bit = 8 * (at + 4);
    } else {
      // with fixed codes: the end is seven zeros; no packer makes an empty block with codes of its own
      if ((block & 0x3fe) !== 2) return false;
      bit += 10;
    }
    if (block & 1) return true;
  }
  return false;
}

/** The last bytes of both, the trailer's number of them at most. */
function lastOf(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  return Uint8Array.from([...before, ...chunk.subarray(-TRAILER)].slice(-TRAILER));
}

// gzip.ts: unpacks a gzip file while it comes in, in small steps, so that whoever takes its bytes can stop at any time.
import { ShiftwiseError } from "../base/index.js";
import { crc32 } from "../format/index.js";

/** Bytes that are fed at once: deflate makes at most 1032 bytes of one, so 16 MB of this. */
const STEP = 16384;
/** CRC-32 and length of what was packed, at a member's end. */
const TRAILER = 8;

/** The receiver of the unpacked bytes. */
interface Taker {
  take(chunk: Uint8Array): void;
  end(): Uint8Array;
}

export class Unzip {
  readonly #to: Taker;
  readonly #where: string;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #pump: Promise<void>;
  readonly #cancel: () => void;
  #failure: ShiftwiseError | null = null;
  #tail: Uint8Array = new Uint8Array(0);

  /** @throws UNSUPPORTED where the host cannot unpack gzip */
  constructor(to: Taker, where: string) {
    this.#to = to;
    this.#where = where;
    if (typeof DecompressionStream === "undefined") {
      const expected = "the file unpacked, or a host that has DecompressionStream";
      throw new ShiftwiseError("UNSUPPORTED", "gzip cannot be unpacked here", { where, expected });
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
    if (trailer.getUint32(4, true) !== bytes.length || trailer.getUint32(0, true) !== crc32(bytes)) {
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
    this.#failure ??= cause instanceof ShiftwiseError ? cause : this.#broken(String(cause), cause);
  }

  /** Hosts say that other bytes follow in words of their own only. */
  #broken(found: string, cause?: unknown): ShiftwiseError {
    const details = { where: this.#where, found, cause };
    if (!/junk|trailing|after|extra|more than one/i.test(found)) {
      return new ShiftwiseError("TRUNCATED", "the gzip stream is cut or damaged", details);
    }
    return new ShiftwiseError("BAD_FILE", "other bytes follow the gzip stream", { ...details, expected: "one member" });
  }
}

/** The last bytes of both, the trailer's number of them at most. */
function lastOf(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  return Uint8Array.from([...before, ...chunk.subarray(-TRAILER)].slice(-TRAILER));
}

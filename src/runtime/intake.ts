// intake.ts: a model file as it comes in: never more of it than its header declares, nor than is allowed.
import { ShiftwiseError } from "../base/index.js";
import { HEADER_LIMIT, headerLength, readHeader } from "../format/index.js";

/** Bytes that begin every file, and that tell what came instead of one. */
const HEAD = 64;
/** Room for this many bytes is there at once, and then for twice of what has come. */
const ROOM = 1 << 20;
/** Bytes that packing may add to any file. */
const PACKED_ROOM = 1 << 16;

export class Intake {
  readonly #limit: number;
  readonly #where: string;
  #bytes = new Uint8Array(HEAD);
  #count = 0;
  /** Bytes that have to be here before more is known of the file. */
  #wanted: number = HEAD;
  #header = 0;
  #total = Infinity;

  /** @param limit most bytes */
  constructor(limit: number, where: string) {
    this.#limit = limit;
    this.#where = where;
  }

  /**
   * Takes the next bytes.
   * @throws BAD_FILE for a wrong header, and more bytes than it declares; OVERFLOW for more than allowed
   */
  take(chunk: Uint8Array): void {
    const end = this.#count + chunk.length;
    this.#allow(end);
    this.#reserve(end);
    this.#bytes.set(chunk, this.#count);
    this.#count = end;
    while (this.#count >= this.#wanted) this.#learn();
    this.#allow(end);
  }

  /**
   * Checks how long a gzip stream may be that unpacks to this file: a stream without end need not unpack to anything.
   * @throws BAD_FILE
   */
  checkPacked(bytes: number): void {
    const unpacked = this.#total === Infinity ? HEADER_LIMIT : this.#total;
    const limit = unpacked + Math.ceil(unpacked / 8) + PACKED_ROOM;
    if (bytes <= limit) return;
    throw new ShiftwiseError("BAD_FILE", "the gzip stream is longer than what it holds", {
      where: this.#where,
      expected: `at most ${limit} bytes`,
      found: `at least ${bytes} bytes`,
    });
  }

  /** Returns the bytes that have come. */
  end(): Uint8Array {
    return this.#bytes.subarray(0, this.#count);
  }

  #learn(): void {
    const bytes = this.end();
    if (this.#header === 0) {
      this.#header = headerLength(bytes, this.#where);
      this.#wanted = this.#header;
      checkSize(this.#header, this.#limit, this.#where);
      return;
    }
    this.#total = readHeader(bytes, this.#where).length;
    this.#wanted = Infinity;
    checkSize(this.#total, this.#limit, this.#where);
  }

  #allow(length: number): void {
    checkSize(length, this.#limit, this.#where);
    if (length <= this.#total) return;
    throw new ShiftwiseError("BAD_FILE", "the file has more bytes than its header declares", {
      where: this.#where,
      expected: `${this.#total} bytes`,
      found: `at least ${length} bytes`,
    });
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const room = Math.max(length, Math.min(this.#total, Math.max(2 * this.#bytes.length, ROOM)));
    const longer = roomFor(room, this.#where);
    longer.set(this.#bytes.subarray(0, this.#count));
    this.#bytes = longer;
  }
}

/** @throws OVERFLOW */
function roomFor(bytes: number, where: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new ShiftwiseError("OVERFLOW", "no memory for the model file", { where, found: `${bytes} bytes`, cause });
  }
}

/** @throws OVERFLOW for a file of more than `limit` bytes */
export function checkSize(bytes: number, limit: number, where: string): void {
  if (bytes <= limit) return;
  throw new ShiftwiseError("OVERFLOW", "the model file is larger than allowed", {
    where,
    expected: `at most ${limit} bytes, or a higher memoryLimit`,
    found: `${bytes} bytes`,
  });
}

// memory.ts: where everything lies in the module's linear memory, decided before a byte of it is allocated.
//
//   0        1024                                                             total
//   | unused | constants: streams, scales, masks, tables | scratch | arena | guard |
//
// Constants are written once. The arena holds the activations; two tensors may share bytes when their lifetimes do not
// meet. Kernels load and store whole vectors, so every tensor is followed by some slack; they read what padding then
// masks, so on both sides of the arena there is memory, if only a guard.
import { type Address, encode, type Layout, type Pointer, roundUp, ShiftwiseError } from "../base/index.js";
import type { Encoding, Shape } from "../ops/index.js";

const LOW = 1024;
const ALIGN = 64;
const SLACK = 64;
const GUARD_MIN = 4096;
const PAGE = 65536;
/** Bytes that a model may take unless its user says otherwise: 1 GiB. */
export const MEMORY_DEFAULT = 2 ** 30;
/** 32-bit memory, less the room in which an address plus a static offset may not wrap. */
const LIMIT = 2 ** 32 - PAGE;

/** The place of a tensor in memory: channel planes, dense rows, planeBytes apart. */
export interface Placement {
  readonly address: Address;
  readonly planeBytes: number;
  readonly bytes: number;
}

/** Bytes of one element: u8 levels or float32. */
export const elementBytes = (encoding: Encoding): number => (encoding.kind === "float32" ? 4 : 1);

/** The flag of float32 elements in the records that kernels read. */
export const isFloat = (encoding: Encoding): 0 | 1 => (encoding.kind === "float32" ? 1 : 0);

/**
 * Distance of channel planes: a multiple of 16 elements (whole vectors may run over a plane's end), never of 512 bytes
 * (equal cache sets); vectors [n, 1, 1] lie close together.
 */
export function planeBytesOf(shape: Shape, bytesPerElement: number): number {
  const size = shape[1] * shape[2];
  if (size === 1) return bytesPerElement;
  const bytes = roundUp(size, 16) * bytesPerElement;
  return bytes % 512 === 0 ? bytes + 64 : bytes;
}

/** The bytes of linear memory that a model takes while it runs, by part. */
export interface MemoryUse {
  readonly constants: number;
  /** Working memory of one thread. */
  readonly scratch: number;
  readonly arena: number;
  readonly total: number;
}

/** One buffer of the arena and the steps (inclusive) during which its bytes matter. */
export interface Buffer {
  readonly bytes: number;
  readonly from: number;
  to: number;
}

/** Offsets of the buffers in one arena: largest first, each at the lowest place free during its whole life. */
export function packArena(buffers: readonly Buffer[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(buffers.length).fill(0);
  // those placed so far by rising offset: plain numbers, since a large model compares each with each
  const starts = new Float64Array(buffers.length);
  const ends = new Float64Array(buffers.length);
  const froms = new Int32Array(buffers.length);
  const tos = new Int32Array(buffers.length);
  let total = 0;
  const order = buffers.map((_, i) => i).sort((a, b) => buffers[b].bytes - buffers[a].bytes || a - b);
  for (const [count, i] of order.entries()) {
    const { bytes, from, to } = buffers[i];
    const size = roundUp(bytes + SLACK, ALIGN);
    let at = 0;
    let k = 0;
    for (; k < count && starts[k] < at + size; k++) {
      if (froms[k] <= to && from <= tos[k] && ends[k] > at) at = ends[k];
    }
    offsets[i] = at;
    total = Math.max(total, at + size);
    while (k > 0 && starts[k - 1] > at) k--;
    for (const [list, value] of [
      [starts, at],
      [ends, at + size],
      [froms, from],
      [tos, to],
    ] as const) {
      list.copyWithin(k + 1, k, count);
      list[k] = value;
    }
  }
  return { offsets, bytes: total };
}

type Blob = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** Writes a constant into its place, which holds zeros. */
export type Make = (to: Uint8Array) => void;

/** Writes numbers of any width to the beginning of `to`. */
export const copy = (to: Uint8Array, { buffer, byteOffset, byteLength }: Blob): void =>
  to.set(new Uint8Array(buffer, byteOffset, byteLength));

/** The bytes that the whole may take, and the threads that share it. */
export interface MemoryOptions {
  /** Most bytes. */
  readonly limit?: number;
  /** Each has scratch memory of its own. Default 1. */
  readonly threads?: number;
}

/**
 * Collects constants and the scratch size; addresses are final at once, bytes are written when memory exists. Whatever
 * would pass the limit is refused as soon as it is asked for, and what follows from shapes alone (`later`, `shared`) is made
 * in its place and only when all of the model has been accepted: a small file can have large shapes.
 */
export class MemoryPlan {
  #top = LOW;
  #scratch = 0;
  /** Bytes before and behind the arena. */
  #before = GUARD_MIN;
  #behind = GUARD_MIN;
  readonly #arena: number;
  readonly #limit: number;
  readonly #threads: number;
  #constants: { readonly address: Address; readonly bytes: number; readonly make: Make }[] = [];
  readonly #shared = new Map<string, Address>();

  /**
   * @param arena bytes of the arena
   * @throws OVERFLOW when it alone passes the limit
   */
  constructor(arena: number, { limit = LIMIT, threads = 1 }: MemoryOptions) {
    this.#arena = arena;
    this.#limit = Math.min(limit, LIMIT);
    this.#threads = threads;
    this.expect(0);
  }

  /**
   * Asks whether constants of at least this many bytes still fit, before they are made.
   * @throws OVERFLOW when they do not
   */
  expect(bytes: number): void {
    const low = Math.max(this.#top + bytes + this.#scratch * this.#threads, this.#before);
    const least = low + this.#arena + this.#behind;
    if (least > this.#limit) this.#refuse(`at least ${least}`);
  }

  /** Places a constant and `slack` bytes after it; returns its address. @throws OVERFLOW */
  constant(data: Blob, slack = 0): Address {
    return this.later(data.byteLength, (to) => copy(to, data), slack);
  }

  /** Does what `constant` does, for `bytes` bytes that are made in their place. @throws OVERFLOW */
  later(bytes: number, make: Make, slack = 0): Address {
    const address = roundUp(this.#top, 16) as Address;
    this.#top = address + bytes + slack;
    this.expect(0);
    this.#constants.push({ address, bytes, make });
    return address;
  }

  /** Does what `later` does, for a record that kernels read. @throws OVERFLOW */
  record<T extends Record<keyof T, number>>(layout: Layout<T>, values: () => NoInfer<T>): Pointer<T> {
    return this.later(layout[0], (to) => to.set(encode(layout, values()))) as Pointer<T>;
  }

  /** Does what `later` does, only once for each key. @throws OVERFLOW */
  shared(key: string, bytes: number, make: Make, slack = 0): Address {
    let address = this.#shared.get(key);
    if (address === undefined) {
      address = this.later(bytes, make, slack);
      this.#shared.set(key, address);
    }
    return address;
  }

  /** Asks for at least this much scratch; its address is known after `seal`. @throws OVERFLOW */
  needScratch(bytes: number): void {
    this.#scratch = Math.max(this.#scratch, roundUp(bytes, ALIGN));
    this.expect(0);
  }

  /** Asks for at least this many readable bytes before and behind every tensor. @throws OVERFLOW */
  needGuard(before: number, behind: number): void {
    this.#before = Math.max(this.#before, roundUp(before, ALIGN));
    this.#behind = Math.max(this.#behind, roundUp(behind, ALIGN));
    this.expect(0);
  }

  /**
   * Ends the planning.
   * @throws OVERFLOW when the whole passes the limit
   */
  seal(): { scratch: Address; arena: Address; use: MemoryUse } {
    const scratch = roundUp(this.#top, ALIGN) as Address;
    const arena = Math.max(scratch + this.#scratch * this.#threads, this.#before) as Address;
    const total = roundUp(arena + this.#arena + this.#behind, PAGE);
    if (total > this.#limit) this.#refuse(`${total}`);
    return { scratch, arena, use: { constants: scratch - LOW, scratch: this.#scratch, arena: this.#arena, total } };
  }

  /** Writes every constant, and forgets what it was made of. */
  write(buffer: ArrayBufferLike): void {
    for (const { address, bytes, make } of this.#constants) make(new Uint8Array(buffer, address, bytes));
    this.forget();
  }

  /** Gives back what the constants are made of, where another thread has written them. */
  forget(): void {
    this.#constants = [];
  }

  #refuse(bytes: string): never {
    throw new ShiftwiseError("OVERFLOW", "the model needs more memory than allowed", {
      expected: `at most ${this.#limit} bytes, or a higher memoryLimit`,
      found: `${bytes} bytes, of them ${this.#arena} for activations`,
    });
  }
}

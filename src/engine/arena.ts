// arena.ts: the memory plan: addresses are handed out first, the memory comes once they are known.
import { type Address, encode, type Layout, type Pointer, plus } from "../base/index.js";

/** Every buffer starts on a cache line. */
const LINE = 64;

/** Even a buffer of no bytes has an address of its own. */
const round = (bytes: number): number => Math.ceil(Math.max(bytes, 1) / LINE) * LINE;

/** Addresses of one instance's memory. */
export interface Arena {
  /** Room that stays taken: bytes, cleared at the start. */
  reserve(bytes: number): Address;
  /** Room filled with a table of offsets once the memory is there. */
  table(values: readonly number[] | Uint32Array | Float32Array): Address;
  /** Room filled with a record likewise. */
  record<T extends Record<keyof T, number>>(layout: Layout<T>, values: NoInfer<T>): Pointer<T>;
  /** Room that may be given back with `release` and handed out again. */
  borrow(bytes: number): Address;
  release(address: Address): void;
  /** Bytes of memory that the plan needs. */
  size(): number;
  /** Writes the tables. */
  fill(memory: ArrayBuffer): void;
}

/**
 * An empty plan. `borrow` takes the smallest free block that is large enough (best fit), and neighbours that are both
 * free become one block again.
 */
export function createArena(): Arena {
  // address 0 stays unused: the kernels read it as "none"
  let top = LINE;
  const tables: { address: Address; values: Uint8Array | Uint32Array | Float32Array }[] = [];
  const taken = new Map<Address, number>();
  let free: { address: Address; bytes: number }[] = [];

  const reserve = (bytes: number): Address => {
    const address = top as Address;
    top += round(bytes);
    return address;
  };
  const constant = (values: Uint8Array | Uint32Array | Float32Array): Address => {
    const address = reserve(values.byteLength);
    tables.push({ address, values });
    return address;
  };
  return {
    reserve,
    table: (values) =>
      constant(values instanceof Uint32Array || values instanceof Float32Array ? values : Uint32Array.from(values)),
    record: <T extends Record<keyof T, number>>(layout: Layout<T>, values: NoInfer<T>) =>
      constant(encode(layout, values)) as Pointer<T>,
    borrow(bytes) {
      const need = round(bytes);
      const fits = free.filter((block) => block.bytes >= need).sort((a, b) => a.bytes - b.bytes);
      const block = fits[0] ?? { address: reserve(need), bytes: need };
      free = free.filter((other) => other.address !== block.address);
      if (block.bytes > need) free.push({ address: plus(block.address, need), bytes: block.bytes - need });
      taken.set(block.address, need);
      return block.address;
    },
    release(address) {
      const bytes = taken.get(address);
      if (bytes === undefined) throw new RangeError(`no buffer at ${address}`);
      taken.delete(address);
      free.push({ address, bytes });
      free.sort((a, b) => a.address - b.address);
      const joined: typeof free = [];
      for (const block of free) {
        const last = joined.at(-1);
        if (last && last.address + last.bytes === block.address) last.bytes += block.bytes;
        else joined.push({ ...block });
      }
      free = joined;
    },
    size: () => top,
    fill(memory) {
      for (const { address, values } of tables) {
        new Uint8Array(memory, address, values.byteLength).set(
          new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        );
      }
    },
  };
}

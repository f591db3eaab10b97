// struct.ts: records in a wasm module's memory, with the layout that the module's compiler gave them.
import type { Address } from "./address.js";

declare const pointee: unique symbol;

/** The address of a record. */
export type Pointer<T> = Address & { readonly [pointee]: T };

/**
 * Size of a record in bytes, and its fields in their order, each with its place in KINDS. A field lies behind the one before,
 * at the next multiple of its own size; assembly/border.mjs checks that the compiler has put it there.
 */
export type Layout<T> = readonly [bytes: number, fields: { readonly [Field in keyof T]: 0 | 1 | 2 | 3 }];

/** Bytes of a field and the setter of DataView; an unsigned integer is written as a signed one with its bits. */
const KINDS = [
  [1, "Uint8"],
  [4, "Int32"],
  [4, "Float32"],
  [8, "Float64"],
] as const;

/** Returns a record's bytes. */
export function encode<T extends Record<keyof T, number>>([bytes, fields]: Layout<T>, values: NoInfer<T>): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  let end = 0;
  for (const field in fields) {
    const [size, kind] = KINDS[fields[field]];
    const offset = Math.ceil(end / size) * size;
    view[`set${kind}`](offset, values[field], true);
    end = offset + size;
  }
  return new Uint8Array(view.buffer);
}

// struct.ts: records in a wasm module's memory, with the layout that the module's compiler gave them.
import type { Address } from "./address.js";

declare const pointee: unique symbol;

/** The address of a record. */
export type Pointer<T> = Address & { readonly [pointee]: T };

/** Size of a record in bytes, and where each of its fields lies: offset and the setter of DataView. */
export type Layout<T> = readonly [
  bytes: number,
  fields: { readonly [Field in keyof T]: readonly [offset: number, kind: Kind] },
];

type Kind = "Uint8" | "Int32" | "Uint32" | "Float32" | "Float64";

/** Returns a record's bytes. */
export function encode<T extends Record<keyof T, number>>([bytes, fields]: Layout<T>, values: NoInfer<T>): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (const field in fields) {
    const [offset, kind] = fields[field];
    view[`set${kind}`](offset, values[field], true);
  }
  return new Uint8Array(view.buffer);
}

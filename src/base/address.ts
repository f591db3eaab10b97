// address.ts: addresses in a wasm module's memory, a type of their own so that no count is taken for one.
declare const unit: unique symbol;

/** A place in a module's memory, in bytes from its start. */
export type Address = number & { readonly [unit]: "byte" };

/** Nothing, for kernels that can do without. */
export const NOWHERE = 0 as Address;

/** Returns the least multiple of `to` that is not below n. */
export function roundUp(n: number, to: number): number {
  return Math.ceil(n / to) * to;
}

/** Returns the address that lies `bytes` behind another. */
export function plus(address: Address, bytes: number): Address {
  return (address + bytes) as Address;
}

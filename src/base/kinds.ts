// kinds.ts: what a value is, by what it is made of and not by whose class made it: arrays and buffers of a frame, a vm
// context or a test runner have other constructors than ours, and hold the same.

type Getter<T> = { call(value: unknown): T };

function getter<T>(owner: object, key: PropertyKey): Getter<T> {
  return Object.getOwnPropertyDescriptor(owner, key)?.get as Getter<T>;
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const kind = getter<string | undefined>(typedArray, Symbol.toStringTag);
const buffer = getter<ArrayBufferLike>(typedArray, "buffer");
const byteOffset = getter<number>(typedArray, "byteOffset");
const length = getter<number>(typedArray, "length");
const bufferLength = getter<number>(ArrayBuffer.prototype, "byteLength");
const sharedLength =
  typeof SharedArrayBuffer === "undefined" ? null : getter<number>(SharedArrayBuffer.prototype, "byteLength");

/** Kinds of typed arrays, by the names of their constructors. */
interface Kinds {
  Float32Array: Float32Array;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Int8Array: Int8Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
}

/** The kind of a typed array of any realm, "Float32Array" for one; undefined for everything else. No value can lie. */
export function arrayKind(value: unknown): string | undefined {
  return kind.call(value);
}

export function isArray<Kind extends keyof Kinds>(value: unknown, ...kinds: readonly Kind[]): value is Kinds[Kind] {
  return kinds.includes(arrayKind(value) as Kind);
}

/** Whether it is memory that other threads may write to. */
export function isShared(value: unknown): value is SharedArrayBuffer {
  return sharedLength !== null && answers(sharedLength, value);
}

export function isBuffer(value: unknown): value is ArrayBuffer {
  return answers(bufferLength, value);
}

/** Getters of a kind of objects throw for all others. */
function answers(of: Getter<unknown>, value: unknown): boolean {
  try {
    of.call(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * The same memory as a plain array of this realm: nothing that a subclass or a field of the value says is asked.
 * @returns null where the memory has been handed over to another thread
 */
export function ownView<T extends Kinds[keyof Kinds]>(value: T): T | null {
  const make = globalThis[arrayKind(value) as keyof Kinds] as unknown as {
    new (memory: ArrayBufferLike, from: number, count: number): T;
  };
  try {
    return new make(buffer.call(value), byteOffset.call(value), length.call(value));
  } catch {
    return null;
  }
}

// wrong.js: values that no caller should hand over and some caller will.
import vm from "node:vm";

const detached = () => {
  const values = new Float32Array(12);
  structuredClone(values, { transfer: [values.buffer] });
  return values;
};
const other = (type, length) => vm.runInNewContext(`new ${type}(${length})`);

/**
 * By what they are called in a finding; each is made anew. No function that throws, as a class does when it is called:
 * what a caller's own function throws is the caller's.
 */
export const WRONG = {
  undefined: () => undefined,
  null: () => null,
  0: () => 0,
  "-1": () => -1,
  1.5: () => 1.5,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  "2^31": () => 2 ** 31,
  "2^53": () => 2 ** 53,
  "1e308": () => 1e308,
  "2n": () => 2n,
  "empty text": () => "",
  text: () => "x",
  digits: () => "2",
  "long text": () => "x".repeat(100_000),
  __proto__text: () => "__proto__",
  "half a character": () => "\ud800",
  symbol: () => Symbol("s"),
  true: () => true,
  false: () => false,
  function: () => () => 1,
  "empty object": () => ({}),
  "bare object": () => Object.create(null),
  "empty list": () => [],
  list: () => [1, 2, 3],
  "list of holes": () => new Array(12),
  nested: () => [[[]]],
  "list of null": () => [null],
  "object of null": () => ({ x: null, y: null }),
  cycle: () => {
    const value = {};
    value.self = value;
    return value;
  },
  date: () => new Date(0),
  map: () => new Map([["x", 1]]),
  set: () => new Set([1]),
  regexp: () => /x/,
  error: () => new Error("e"),
  promise: () => Promise.resolve(1),
  "array-like": () => ({ length: 12 }),
  "array-like, too long": () => ({ length: 2 ** 53 }),
  "length -1": () => ({ length: -1 }),
  "picture without data": () => ({ width: 2, height: 2 }),
  "picture of null": () => ({ width: 2, height: 2, data: null }),
  "picture, short": () => ({ width: 2, height: 2, data: new Uint8Array(3) }),
  "picture, list": () => ({ width: 2, height: 2, data: [1, 2, 3, 4] }),
  "picture, huge": () => ({ width: 2 ** 20, height: 2 ** 20, data: new Uint8ClampedArray(4) }),
  "picture, NaN": () => ({ width: Number.NaN, height: 2, data: new Uint8Array(16) }),
  bytes: () => new Uint8Array(12),
  "no bytes": () => new Uint8Array(0),
  floats: () => new Float32Array(12),
  "NaN floats": () => new Float32Array(12).fill(Number.NaN),
  doubles: () => new Float64Array(12),
  int8: () => new Int8Array(12),
  uint16: () => new Uint16Array(12),
  bigints: () => new BigInt64Array(12),
  view: () => new DataView(new ArrayBuffer(48)),
  buffer: () => new ArrayBuffer(48),
  "shared buffer": () => new SharedArrayBuffer(48),
  "shared floats": () => new Float32Array(new SharedArrayBuffer(48)),
  detached,
  "floats of another realm": () => other("Float32Array", 12),
  "bytes of another realm": () => other("Uint8Array", 12),
  "object of another realm": () => vm.runInNewContext("({ x: 1 })"),
  "node buffer": () => Buffer.alloc(12),
  blob: () => new Blob(["x"]),
  url: () => new URL("file:///nowhere/at/all"),
  response: () => new Response("x"),
  "used response": () => {
    const response = new Response("x");
    response.text();
    return response;
  },
  signal: () => AbortSignal.abort(),
};

export const WRONG_NAMES = Object.keys(WRONG);

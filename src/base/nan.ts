// nan.ts: the one NaN that leaves a model: engines and processors make others, but all that is handed out has these bits.
/** The bits of every NaN that a model hands out: engines and processors differ in its sign and its other bits. */
const NAN_BITS = 0x7fc00000;
const INFINITY_BITS = 0x7f800000;

/** Gives every NaN in `values` the same bits, in place, and returns `values`. */
export function canonicalNaNs(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  // constants may be shared: nothing is written that is not changed
  for (let i = 0; i < words.length; i++) if (canonicalWord(words[i]) !== words[i]) words[i] = NAN_BITS;
  return values;
}

/** Returns the place of the first NaN or infinity, or -1: a plain loop, since weights are many. */
export function firstNonFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** The bits of a float32, those of a NaN replaced. */
export function canonicalWord(word: number): number {
  return (word & 0x7fffffff) > INFINITY_BITS ? NAN_BITS : word;
}

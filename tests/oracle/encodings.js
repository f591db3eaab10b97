// encodings.js: real values and the raw values that stand for them; the nodes input and quantize.

export function roundHalfEven(z) {
  const low = Math.floor(z);
  if (z - low !== 0.5) return Math.round(z);
  return low % 2 === 0 ? low : low + 1;
}

/** Raw value of z, which counts in units of the encoding. */
export function encode(z, encoding) {
  if (encoding.kind === "float32") return z;
  if (encoding.kind === "linear") return Math.min(Math.max(roundHalfEven(z), 0), encoding.max);
  return encoding.levels[encoding.thresholds.filter((threshold) => threshold <= z).length];
}

export const stepOf = ({ kind, scale }) => (kind === "float32" ? 1 : scale);
export const zeroOf = ({ kind, zero }) => (kind === "linear" ? zero : 0);
export const toReal = (raw, encoding) => stepOf(encoding) * (raw - zeroOf(encoding));
export const toRaw = (real, encoding) => encode(real / stepOf(encoding) + zeroOf(encoding), encoding);

/** The least and the greatest real value of an encoding. */
function rangeOf(encoding) {
  if (encoding.kind === "float32") return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return [0, encoding.max ?? encoding.levels.at(-1)].map((raw) => toReal(raw, encoding));
}

export const input = {
  forward: ({ images }) => images,
  backward() {},
};

/** Rounds forward; the gradient passes straight through inside the encoding's range. */
export const quantize = {
  forward: ({ node: { encoding }, inputs: [x] }) => x.map((value) => toReal(toRaw(value, encoding), encoding)),
  backward({ node: { encoding }, inputs: [x] }, dy, [dx]) {
    const [low, high] = rangeOf(encoding);
    for (let i = 0; i < dy.length; i++) if (x[i] >= low && x[i] <= high) dx[i] += dy[i];
  },
};

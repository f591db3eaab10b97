// check.js: is a contestant's output right? Each check returns null, or what is wrong.

/** Of the largest value expected: float32 sums in another order. */
export const FLOAT_TOLERANCE = 1e-4;
/** Of a level of the output: another order of the same float32 roundings at the end of an int8 layer. */
export const INT8_LEVELS = 1;
/** Cosine between an int8 network's output and the float32 one; INT8 rounds every tensor of a network. */
export const INT8_COSINE = 0.95;

export const tolerances = {
  shift: "bit for bit equal to the plain sums",
  float32: `within ${FLOAT_TOLERANCE} of the largest value`,
  int8: `layers within ${INT8_LEVELS} level of 255, networks at a cosine of ${INT8_COSINE} or more to float32`,
};

export function checkEqual(values, expected) {
  const wrong = findWrong(values, expected, 0);
  return wrong && `not bit for bit: ${wrong}`;
}

export function checkFloat(values, expected) {
  let largest = 0;
  for (const value of expected) largest = Math.max(largest, Math.abs(value));
  return findWrong(values, expected, FLOAT_TOLERANCE * largest);
}

export function checkLevels(values, expected) {
  return findWrong(values, expected, INT8_LEVELS);
}

export function checkCosine(values, expected) {
  if (values.length !== expected.length) return `${values.length} values, not ${expected.length}`;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < values.length; i++) {
    ab += values[i] * expected[i];
    aa += values[i] ** 2;
    bb += expected[i] ** 2;
  }
  if (aa === 0 || bb === 0)
    return "outputs that are 0 everywhere, as of a last layer that was not trained: they show nothing";
  const cosine = ab / Math.sqrt(aa * bb);
  return cosine >= INT8_COSINE ? null : `cosine ${cosine.toFixed(4)} to float32`;
}

function findWrong(values, expected, tolerance) {
  if (values.length !== expected.length) return `${values.length} values, not ${expected.length}`;
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i] - expected[i]) <= tolerance)) return `value ${i} is ${values[i]}, not ${expected[i]}`;
  }
  return null;
}

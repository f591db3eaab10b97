// joined.ts: arrays of numbers laid behind one another.

/**
 * The numbers of all parts, in an array of their own.
 * @param Kind the class of that array, which there is for no parts, too
 */
export function joined<A extends Uint8Array | Float64Array>(Kind: new (length: number) => A, parts: readonly A[]): A {
  const all = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

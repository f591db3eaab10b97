/** Zeros before a weight are counted in so many bits; longer runs take filler weights of zero (paper, section 2). */
const GAP_BITS = 5;

/**
 * Bytes of one layer stored sparsely: for each weight that is not zero its code and the gap of zeros before it, each
 * stream with its own Huffman code, and the table of levels in float32. Tables of code lengths take 5 bits a symbol.
 * @internal
 */
export function huffmanBytes(levels: readonly number[], codes: Uint8Array): number {
  const zero = levels.indexOf(0);
  const weights = new Map<number, number>();
  const gaps = new Map<number, number>();
  const count = (map: Map<number, number>, symbol: number) => map.set(symbol, (map.get(symbol) ?? 0) + 1);
  const longest = 2 ** GAP_BITS - 1;
  let gap = 0;
  for (const code of codes) {
    if (code === zero && gap < longest) {
      gap++;
      continue;
    }
    count(weights, code);
    count(gaps, gap);
    gap = 0;
  }
  const bits = streamBits(weights) + streamBits(gaps) + (weights.size + gaps.size) * 5;
  return Math.ceil(bits / 8) + 4 * levels.length;
}

/** Bits of all symbols: the sum of the weights of a Huffman tree's inner nodes; one bit each where there is one symbol. */
export function streamBits(counts: ReadonlyMap<number, number>): number {
  const queue = [...counts.values()].sort((a, b) => a - b);
  if (queue.length === 1) return queue[0];
  let bits = 0;
  while (queue.length > 1) {
    const joined = queue[0] + queue[1];
    bits += joined;
    queue.splice(0, 2);
    const at = queue.findIndex((n) => n >= joined);
    queue.splice(at < 0 ? queue.length : at, 0, joined);
  }
  return bits;
}

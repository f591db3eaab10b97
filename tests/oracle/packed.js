// packed.js: a stream of digits as it is defined, with exact integers, without tables and without checks.

/**
 * The digits of a stream: the reader's steps on BigInts, each digit found by counting frequencies up.
 * @param tables of each part, the number of its table of frequencies
 */
export function readDigitsPlain(stream, count, base, tables = [0]) {
  const bytes = [...stream];
  const all = Array.from({ length: Math.max(...tables) + 1 }, () =>
    Array.from({ length: base }, () => {
      const first = bytes.shift();
      return BigInt(first < 128 ? first : (first - 128) * 256 + bytes.shift());
    }),
  );
  const part = Math.floor(count / tables.length);
  let x = 0n;
  for (const byte of bytes.splice(0, 4).reverse()) x = x * 256n + BigInt(byte);
  const digits = [];
  for (let i = 0; i < count; i++) {
    const frequencies = all[tables[Math.min(tables.length - 1, Math.floor(i / part))]];
    const low = x % 4096n;
    let digit = 0;
    let below = 0n;
    while (below + frequencies[digit] <= low) below += frequencies[digit++];
    x = frequencies[digit] * (x / 4096n) + low - below;
    while (x < 2n ** 23n) x = x * 256n + BigInt(bytes.shift());
    digits.push(digit);
  }
  return digits;
}

/** The bytes that digits lie in, one digit after the other. */
export function putDigits(digits, { base, per }, length) {
  if (per > 0) {
    return Uint8Array.from({ length }, (_, i) =>
      digits.slice(i * per, (i + 1) * per).reduce((sum, digit, j) => sum + digit * base ** j, 0),
    );
  }
  const all = digits.reduceRight((sum, digit) => sum * BigInt(base) + BigInt(digit), 0n);
  return Uint8Array.from({ length }, (_, i) => Number((all >> BigInt(8 * i)) & 255n));
}

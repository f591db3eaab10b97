// codes.js: the layout of packed codes as it is defined, without tables and without checks.
import { digitsPerByte, magnitudes } from "../../dist/format/index.js";

/** The codes that `packCodes` packed. */
export function unpackCodesPlain(packed, count, bits) {
  const base = magnitudes(bits) + 1;
  const per = digitsPerByte(bits);
  let signs = 0;
  return Int8Array.from({ length: count }, (_, i) => {
    const digit = Math.floor(packed.magnitudes[Math.floor(i / per)] / base ** (i % per)) % base;
    if (digit === 0) return 0;
    const bit = packed.signs[signs >> 3] & (1 << (signs & 7));
    signs++;
    return bit ? -digit : digit;
  });
}

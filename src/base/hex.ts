// hex.ts: bytes as text. Of all ways to write wasm into a program this packs best: gzip finds in it what it finds in the bytes.

/** The bytes of lower-case hexadecimal digits, two each. */
export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> {
  const digit = (at: number): number => {
    const code = text.charCodeAt(at);
    // letters are 0x61 and on, digits 0x30 and on
    return (code & 15) + 9 * (code >> 6);
  };
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => 16 * digit(2 * i) + digit(2 * i + 1));
}

// text.ts: bytes as text that packs well. gzip finds in it what it finds in the bytes, which base64 hides. Bytes are counted
// on by 6, past 255 from 0, since wasm has many of 250 to 255; one that is below 89 then is one character, a larger one two.
//
//   value 0..90    "#" "$" ... "[" "]" ... "~"    0x23 and on, without the backslash
//   89, 90         89 and 178 more for the next one
//
// assembly/build.mjs writes it.

const FIRST = 0x23;
const BACKSLASH = 0x5c;
const SINGLE = 89;
const TURN = 6;

/** The bytes that a text stands for. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let more = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const value = code - FIRST - Number(code > BACKSLASH);
    if (value < SINGLE) bytes.push(value + more - TURN);
    more = value < SINGLE ? 0 : SINGLE * (value - SINGLE + 1);
  }
  return Uint8Array.from(bytes);
}

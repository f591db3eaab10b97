// png.ts: channel planes as a PNG.
import { deflateSync } from "node:zlib";

/** Pixels as channel planes 0..255: one is grey, three are red, green and blue. */
export interface PlanePicture {
  readonly pixels: Uint8Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = 0;
const COLOUR = 2;

/** The bytes of a PNG; of other numbers of channels the first is shown. */
export function pngOf({ pixels, channels, height, width }: PlanePicture): Uint8Array {
  const depth = channels === 3 ? 3 : 1;
  const plane = height * width;
  // each row begins with its filter, 0 for none
  const rows = new Uint8Array(height * (1 + depth * width));
  for (let y = 0, at = 0; y < height; y++) {
    at++;
    for (let x = 0; x < width; x++) for (let c = 0; c < depth; c++) rows[at++] = pixels[c * plane + y * width + x];
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, depth === 3 ? COLOUR : GREY], 8);
  const parts = [chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", new Uint8Array(0))];
  return Uint8Array.from([...SIGNATURE, ...Buffer.concat(parts)]);
}

/** Length, kind, content and checksum. */
function chunk(kind: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(Buffer.from(kind, "latin1"), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, checksum(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/** CRC-32, bit by bit: pictures of a report are small. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

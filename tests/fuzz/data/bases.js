// bases.js: small valid files of every kind that the data room reads.

import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import sharp from "sharp";
import { pack } from "tar-stream";
import { createDraws } from "../tape.js";

const utf8 = new TextEncoder();

function joined(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

function noise(length, below = 256) {
  const random = createDraws(length);
  return Uint8Array.from({ length }, () => random.below(below));
}

/** An IDX file of bytes. */
export function idx(dims, values) {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  header.setUint32(0, 0x0800 | dims.length);
  for (const [i, n] of dims.entries()) header.setUint32(4 + 4 * i, n);
  return joined(new Uint8Array(header.buffer), values);
}

export const idxImages = () => idx([6, 5, 4], noise(120));
export const idxLabels = () => idx([6], noise(6, 10));

export function cifar() {
  const records = noise(2 * 3073);
  for (const i of [0, 3073]) records[i] %= 10;
  return records;
}

/** A .npy file of version 1. */
export function npy(type, shape, bytes) {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const length = new Uint8Array([padded.length & 255, padded.length >> 8]);
  return joined(new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]), length, utf8.encode(padded), bytes);
}

const floats = (count) => new Uint8Array(Float32Array.from({ length: count }, (_, i) => Math.sin(i)).buffer);
const doubles = (count) => new Uint8Array(Float64Array.from({ length: count }, (_, i) => Math.sin(i)).buffer);

export const npyFiles = () => [
  npy("|u1", [2, 3, 4, 5], noise(120)),
  npy("<f4", [2, 3, 4, 5], floats(120)),
  npy("<f8", [2, 4, 5, 3], doubles(120)),
  npy("<f4", [3, 4, 5], floats(60)),
];

export function npz() {
  const [pixels, reals] = npyFiles();
  return zipSync({ "x.npy": pixels, "folder/y.npy": reals, "z.txt": utf8.encode("z") }, { level: 6 });
}

const FORMATS = ["png", "jpeg", "webp", "gif", "tiff", "avif"];

/** One picture of 5 x 4 in every format. */
export function pictures() {
  const raw = sharp(noise(5 * 4 * 3), { raw: { width: 5, height: 4, channels: 3 } });
  return Promise.all(FORMATS.map(async (format) => new Uint8Array(await raw.clone().toFormat(format).toBuffer())));
}

/** An archive of pictures, one folder a class. */
export async function tar() {
  const archive = pack();
  const [png, jpeg] = await pictures();
  for (const [name, bytes] of [
    ["a/1.png", png],
    ["a/2.jpg", jpeg],
    ["b/1.png", png],
    ["b/", null],
    ["read.me", utf8.encode("no")],
  ]) {
    if (bytes) archive.entry({ name }, Buffer.from(bytes));
    else archive.entry({ name, type: "directory" });
  }
  archive.finalize();
  return new Uint8Array(await buffer(archive));
}

export const preprocessing = () =>
  utf8.encode(JSON.stringify({ resize: 8, channels: "rgb", range: 1, mean: [0.1, 0.2, 0.3], std: [1, 1, 0.5] }));

/** A gzip file that unpacks to what `bytes` are, followed by 40 times 16 MiB of zeros. */
export function bomb(bytes) {
  const zeros = gzipSync(new Uint8Array(2 ** 24));
  return joined(gzipSync(bytes), ...new Array(40).fill(zeros));
}

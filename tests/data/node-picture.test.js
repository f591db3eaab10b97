// node-picture.test.js: pictures of Node programs as inputs: files, their bytes and raw pixels of any size.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { prepareImage } from "../../dist/data/index.js";
import { readPicture } from "../../dist/data/node.js";
import { Model } from "../../dist/runtime/index.js";
import { convModel } from "../models/random.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-node-picture-"));
after(() => rmSync(folder, { recursive: true }));
const [WIDTH, HEIGHT] = [60, 40];
const rgb = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => (i * 37 + (i >> 6)) & 255);
const input = { shape: [3, 16, 20] };
const path = join(folder, "one.png");
let expected;

before(async () => {
  await sharp(rgb, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toFile(path);
  expected = await readPicture(path, input);
});

test("a path, a file: URL, a Buffer, a Blob and raw pixels give the same", async () => {
  const bytes = readFileSync(path);
  const rgba = Uint8ClampedArray.from({ length: 4 * WIDTH * HEIGHT }, (_, i) =>
    i % 4 === 3 ? 255 : rgb[3 * (i >> 2) + (i % 4)],
  );
  const raw = (data) => ({ data, width: WIDTH, height: HEIGHT });
  const sources = [
    pathToFileURL(path),
    pathToFileURL(path).href,
    bytes,
    new Uint8Array(bytes).buffer,
    new Blob([bytes]),
    raw(rgb),
    raw(rgba),
  ];
  for (const [i, source] of sources.entries()) assert.deepEqual(await readPicture(source, input), expected, `${i}`);
});

test("the largest middle part is taken; resize cuts as calibration does; channels last come last", async () => {
  // 60x40 to 16x16: the middle 40x40
  const square = { shape: [3, 16, 16] };
  const middle = await sharp(path).extract({ left: 10, top: 0, width: 40, height: 40 }).png().toBuffer();
  assert.deepEqual(await readPicture(path, square), await readPicture(middle, square));
  const image = { width: WIDTH, height: HEIGHT, pixels: rgb };
  assert.deepEqual(
    await readPicture(path, square, { resize: 24 }),
    await prepareImage(image, square, { resize: 24 }, ""),
  );
  const last = await readPicture(path, { ...input, channelsLast: true });
  assert.deepEqual([last[0], last[1], last[2]], [expected[0], expected[320], expected[640]]);
  const bgr = await readPicture(path, input, { channels: "bgr" });
  assert.deepEqual(bgr.subarray(0, 320), expected.subarray(640));
  const grey = await readPicture(path, { shape: [1, 16, 20] });
  const [r, g, b] = [0, 320, 640].map((at) => expected[at + 7]);
  assert.equal(grey[7], Math.round(0.299 * r + 0.587 * g + 0.114 * b));
});

test("raw pixels of the input's size are taken one for one, what is transparent on black", async () => {
  const size = { shape: [3, HEIGHT, WIDTH] };
  const planes = await readPicture({ data: rgb, width: WIDTH, height: HEIGHT }, size);
  assert.equal(planes[WIDTH * HEIGHT + 5], rgb[16]);
  const clear = {
    data: new Uint8Array(4 * WIDTH * HEIGHT).fill(200).map((v, i) => (i % 4 === 3 ? 51 : v)),
    width: WIDTH,
  };
  assert.ok((await readPicture({ ...clear, height: HEIGHT }, size)).every((value) => value === 40));
});

test("a model's input runs it", async () => {
  const def = convModel({ shape: [3, 16, 20] });
  const flat = [0.5, 0.5, 0.5];
  const normalization = { mean: flat, std: flat };
  const model = await Model.from({ ...def, inputs: [{ ...def.inputs[0], normalization }] });
  const outputs = await model.run(await readPicture(path, model.inputs[0]));
  assert.deepEqual(outputs, model.runSync(expected));
  model.dispose();
});

test("what is no picture says what to do", async () => {
  const wrong = [
    [join(folder, "none.png"), "IO", /none\.png: cannot read the file.*no such file/],
    ["https://example.org/cat.jpg", "BAD_OPTION", /pictures are not fetched; expected a path, or the bytes: await/],
    ["file://remote/cat.jpg", "IO", /remote\/cat\.jpg: cannot read the file; found File URL host/],
    [new URL("file:///a%2Fb.jpg"), "IO", /cannot read the file; found File URL path/],
    ["file:///%zz", "IO", /cannot read the file; found URI malformed/],
    [Buffer.from("<!doctype html>"), "BAD_DATA", /cannot decode.*JPEG, PNG, WebP.*HTML page/],
    [readFileSync(path).subarray(0, 200), "BAD_DATA", /cannot decode/],
    [Buffer.alloc(0), "BAD_DATA", /an empty file/],
    [{ data: rgb, width: 61, height: 40 }, "BAD_DATA", /1, 3 or 4 bytes a pixel.*61x40 with 7200 bytes/],
    [{ data: [...rgb], width: 60, height: 40 }, "BAD_DATA", /no bytes/],
    [{ data: rgb, width: 0, height: 40 }, "BAD_DATA", /0x40/],
    [undefined, "BAD_OPTION", /a path, the bytes of a picture file/],
    [7, "BAD_OPTION", /a path/],
  ];
  for (const [source, code, message] of wrong) await assert.rejects(readPicture(source, input), { code, message });
  await assert.rejects(readPicture(path, { shape: [5, 4, 4] }), { code: "BAD_OPTION", message: /1 or 3 channels/ });
  await assert.rejects(readPicture(path, {}), { code: "BAD_OPTION" });
  await assert.rejects(readPicture(path, input, { resize: 0 }), { code: "BAD_OPTION", where: /resize/ });
});

test("without sharp a file is UNSUPPORTED and says how to install it, and raw pixels of the input's size still work", () => {
  const loader =
    "export const resolve = (n, c, next) => { if (n === 'sharp') throw new Error(n); return next(n, c); };";
  const program = `import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(loader)}));
    const { readPicture } = await import(${JSON.stringify(new URL("../../dist/data/node.js", import.meta.url).href)});
    const file = await readPicture(${JSON.stringify(path)}, { shape: [3, 8, 8] }).catch((error) => error);
    const raw = await readPicture({ data: new Uint8Array(192), width: 8, height: 8 }, { shape: [3, 8, 8] });
    console.log(JSON.stringify([file.code, file.message, raw.length]));`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  const [code, message, length] = JSON.parse(stdout);
  assert.deepEqual([code, length], ["UNSUPPORTED", 192]);
  assert.match(message, /npm install sharp/);
});

test("a photograph is turned as its EXIF data say", async () => {
  const turned = join(folder, "turned.jpg");
  writeFileSync(turned, await sharp(path).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer());
  const upright = await sharp(turned).rotate().png().toBuffer();
  const [one, other] = [await readPicture(turned, input), await readPicture(upright, input)];
  assert.ok(one.every((value, i) => Math.abs(value - other[i]) <= 2));
});

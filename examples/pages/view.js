// view.js: a picture as a model is to see it: the middle part, in the input's size, turned to white on black.

/** A grey picture whose edge is brighter than this is taken for dark ink on white paper. */
const BRIGHT = 128;

/**
 * @param picture canvas, ImageBitmap or video
 * @param tone "keep", "invert", or "auto", which inverts pictures for one-channel models that have a bright edge
 * @param resize pixels of the shorter side before the middle is cut out
 * @returns ImageData of the input's size, by the runtime's own rule for pictures: largest middle part, over black
 */
export function look(picture, [channels, height, width], tone, resize = 1) {
  const w = picture.videoWidth ?? picture.width;
  const h = picture.videoHeight ?? picture.height;
  if (!(w > 0 && h > 0)) {
    throw Object.assign(new Error(`the picture is ${w}x${h} pixels`), { code: "BAD_DATA" });
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  const scale = Math.min(w / width, h / height, Math.min(w, h) / resize);
  const [sw, sh] = [width * scale, height * scale];
  context.drawImage(picture, (w - sw) / 2, (h - sh) / 2, sw, sh, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  if (tone === "invert" || (tone === "auto" && channels === 1 && edge(pixels) > BRIGHT)) invert(pixels.data);
  if (channels === 1) grey(pixels.data);
  return pixels;
}

function edge({ data, width, height }) {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
      sum += luma(data, 4 * (y * width + x));
      count++;
    }
  }
  return sum / count;
}

const luma = (data, at) => 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];

function invert(data) {
  for (let i = 0; i < data.length; i++) if (i % 4 !== 3) data[i] = 255 - data[i];
}

function grey(data) {
  for (let i = 0; i < data.length; i += 4) data.fill(Math.round(luma(data, i)), i, i + 3);
}

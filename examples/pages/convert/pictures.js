// pictures.js: the pictures that a network is calibrated with: from files, the camera or generated, and as pixels of an input.
import { look } from "../view.js";

export const MOST = 512;
const THUMB = 96;
const GENERATED = 16;
const SIDE = 256;

/**
 * A picture that can be drawn again later: only a small copy of it is kept.
 * @param open gives something to draw
 */
async function picture(title, open) {
  const drawable = await open();
  const thumb = document.createElement("canvas");
  thumb.width = THUMB;
  thumb.height = THUMB;
  const { width, height } = drawable;
  const side = Math.min(width, height);
  const context = thumb.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(drawable, (width - side) / 2, (height - side) / 2, side, side, 0, 0, THUMB, THUMB);
  drawable.close?.();
  return { title, open, thumb };
}

/** @throws an error that says what to do, for a file that this browser does not decode */
export async function pictureOf(file) {
  try {
    return await picture(file.name, () => createImageBitmap(file));
  } catch {
    const message = `${file.name} is no picture that this browser can decode. Save it as JPEG, PNG or WebP, or choose another.`;
    throw Object.assign(new Error(message), { plain: true });
  }
}

/** A picture of what a canvas shows. */
export const pictureFrom = (canvas, title) => picture(title, async () => canvas);

/**
 * Pixels of all pictures for an input, as channel planes.
 * @param rule the size of the shorter side before the middle is cut out, and the order of the channels, where they are said
 */
export async function pixelsOf(pictures, shape, { resize, channels: order } = {}) {
  const [channels, height, width] = shape;
  const plane = height * width;
  const pixels = new Uint8Array(pictures.length * channels * plane);
  for (const [n, { open }] of pictures.entries()) {
    const drawable = await open();
    const { data } = look(drawable, shape, "keep", resize);
    drawable.close?.();
    const start = n * channels * plane;
    for (let c = 0; c < channels; c++) {
      const from = order === "bgr" ? 2 - c : c;
      for (let i = 0; i < plane; i++) pixels[start + c * plane + i] = data[4 * i + from];
    }
  }
  return pixels;
}

/** Whether an input is one that pictures fit. */
export const takesPictures = ([channels, height, width]) =>
  (channels === 1 || channels === 3) && height > 1 && width > 1;

/** Scenes of soft light, shapes and grain. They know nothing of what the network has learned. */
export async function generated() {
  const random = seeded(7);
  const pictures = [];
  for (let n = 0; n < GENERATED; n++) {
    const canvas = document.createElement("canvas");
    canvas.width = SIDE;
    canvas.height = SIDE;
    paint(canvas.getContext("2d"), random);
    pictures.push(await pictureFrom(canvas, `generated ${n + 1}`));
  }
  return pictures;
}

function paint(context, random) {
  const tone = () =>
    `hsl(${Math.floor(360 * random())} ${Math.floor(70 * random())}% ${Math.floor(10 + 80 * random())}%)`;
  const place = () => SIDE * random();
  const sky = context.createLinearGradient(0, 0, place(), SIDE);
  sky.addColorStop(0, tone());
  sky.addColorStop(1, tone());
  context.fillStyle = sky;
  context.fillRect(0, 0, SIDE, SIDE);
  for (let i = 0; i < 14; i++) {
    context.fillStyle = tone();
    context.filter = random() < 0.5 ? "none" : "blur(3px)";
    context.beginPath();
    if (i % 2 === 0) context.ellipse(place(), place(), 8 + 60 * random(), 8 + 40 * random(), 3 * random(), 0, 7);
    else for (let k = 0; k < 4; k++) context.lineTo(place(), place());
    context.fill();
  }
  const grain = context.getImageData(0, 0, SIDE, SIDE);
  for (let i = 0; i < grain.data.length; i++) if (i % 4 !== 3) grain.data[i] += 36 * (random() - 0.5);
  context.putImageData(grain, 0, 0);
}

function seeded(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

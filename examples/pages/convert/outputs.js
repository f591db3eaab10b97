// outputs.js: what both networks make of a picture, side by side: the likeliest classes, pictures, or maps of values.
import { shareRow, softmax } from "../page.js";
import { element } from "./words.js";

const TOP = 5;
/** Values of a vector that are shown as bars of classes; longer ones are maps. */
const CLASSES = 25_000;
/** Pixels of a canvas's side, at most. */
const SIDE = 512;

/**
 * Shows one output of both networks.
 * @param output name, dims, and the values of `float` (null where it does not run) and `shift`
 * @param facts those of the network
 */
export function showOutput({ name, dims, float, shift }, { labels, inputs }) {
  const box = element("div", "stack tight");
  const sizes = dims.slice(dims[0] === 1 && dims.length > 1 ? 1 : 0).filter((n, _, all) => n > 1 || all.length === 1);
  const kept = float ? decibels(float, shift) : null;
  const title = element("p", "row spread");
  title.append(element("span", "output-name", name));
  title.append(element("span", "quiet number", `${dims.join(" × ")}${kept === null ? "" : `, keeps ${kept}`}`));
  const pair = element("div", "pair");
  const draw = chooseDrawing(sizes, float ?? shift, inputs);
  if (float) pair.append(figure("float", "float32", draw(float, labels)));
  pair.append(figure("shift", "powers of two", draw(shift, labels)));
  box.append(title, pair);
  return box;
}

function figure(kind, title, content) {
  const box = element("figure", kind);
  box.setAttribute("aria-label", title);
  box.append(element("figcaption", `key ${kind}`, title), content);
  return box;
}

function chooseDrawing(sizes, values, inputs) {
  if (sizes.length <= 1 && values.length <= CLASSES) return bars;
  if (sizes.length <= 1) return (given) => heat(given, 1, given.length, rangeOf(values));
  const [height, width] = sizes.slice(-2);
  const channels = values.length / (height * width);
  if (channels === 3 && sizes.length === 3) return (given) => colours(given, height, width, rangeOf(values));
  // a network of grey pictures that makes one
  const isGrey = channels === 1 && inputs.length === 1 && inputs[0].shape[0] === 1 && inputs[0].shape[1] <= height;
  if (isGrey) return (given) => greys(given, height, width, rangeOf(values));
  if (channels > 1 && sizes.length === 3) return (given) => classes(given, channels, height, width);
  return (given) => heat(given, values.length / width, width, rangeOf(values));
}

/** Signal to noise of one output in words. */
function decibels(float, shift) {
  let [sum, square, error] = [0, 0, 0];
  for (let i = 0; i < float.length; i++) {
    sum += float[i];
    square += float[i] ** 2;
    error += (float[i] - shift[i]) ** 2;
  }
  const variance = square / float.length - (sum / float.length) ** 2;
  if (error === 0) return "every bit";
  const snr = 10 * Math.log10(variance / (error / float.length));
  return Number.isFinite(snr) ? `${snr.toFixed(1)} dB here` : null;
}

function bars(values, labels) {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const sum = values.reduce((a, b) => a + b, 0);
  const shares = least >= 0 && Math.abs(sum - 1) < 0.01 ? values : softmax(values);
  const best = Array.from(shares, (share, i) => ({ share, name: labels?.[i] ?? `class ${i}` }));
  best.sort((a, b) => b.share - a.share);
  const list = element("div", "bars");
  list.append(...best.slice(0, TOP).map(({ share, name }) => shareRow(name, share)));
  return list;
}

/** The range of the float network, in which both are shown. */
function rangeOf(values) {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high > low ? high : low + 1];
}

function colours(values, height, width, [low, high]) {
  const plane = height * width;
  return canvasOf(height, width, "The output as a picture", (at, pixel) => {
    for (let c = 0; c < 3; c++) pixel[c] = (255 * (values[c * plane + at] - low)) / (high - low);
  });
}

function greys(values, height, width, [low, high]) {
  return canvasOf(height, width, "The output as a picture", (at, pixel) => {
    pixel.fill((255 * (values[at] - low)) / (high - low));
  });
}

/** The largest of the channels at every place, each in a colour of its own. */
function classes(values, channels, height, width) {
  const plane = height * width;
  return canvasOf(height, width, "The likeliest class at every place", (at, pixel) => {
    let best = 0;
    for (let c = 1; c < channels; c++) if (values[c * plane + at] > values[best * plane + at]) best = c;
    const hue = (best * 137.5) % 360;
    const light = best === 0 ? 0.12 : 0.55;
    for (let c = 0; c < 3; c++) {
      const turn = (hue / 30 + [0, 8, 4][c]) % 12;
      pixel[c] = 255 * (light - 0.4 * Math.min(light, 1 - light) * Math.max(-1, Math.min(turn - 3, 9 - turn, 1)));
    }
  });
}

const COLD = [24, 26, 66];
const WARM = [255, 138, 76];
const HOT = [255, 250, 230];

function heat(values, height, width, [low, high]) {
  return canvasOf(height, width, "The output as a map of its values", (at, pixel) => {
    const share = Math.max(0, Math.min(1, (values[at] - low) / (high - low)));
    const [from, to, part] = share < 0.6 ? [COLD, WARM, share / 0.6] : [WARM, HOT, (share - 0.6) / 0.4];
    for (let c = 0; c < 3; c++) pixel[c] = from[c] + (to[c] - from[c]) * part;
  });
}

/** A canvas of so many values, thinned out where they are too many. */
function canvasOf(height, width, label, colour) {
  const step = Math.max(1, Math.ceil(Math.max(height, width) / SIDE));
  const canvas = element("canvas", "map");
  canvas.width = Math.ceil(width / step);
  canvas.height = Math.ceil(height / step);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixel = [0, 0, 0];
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      colour(y * step * width + x * step, pixel);
      image.data.set([...pixel, 255], 4 * (y * canvas.width + x));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

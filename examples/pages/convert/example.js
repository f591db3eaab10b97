// example.js: a network and pictures for a visitor who has none: clothes as silhouettes.
import { site } from "../page.js";
import { samplesOf } from "../samples.js";
import { pictureFrom } from "./pictures.js";

export const LABELS = "T-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(",");
/** Each silhouette in so many sizes and places. */
const VARIANTS = 4;

/** @returns the file; an error says why it did not come */
export async function exampleFile() {
  const response = await fetch(site("models/clothes.onnx"));
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new File([await response.blob()], "clothes.onnx");
}

export async function examplePictures() {
  const made = [];
  for (const { canvas, title } of samplesOf("fashion-shift")) {
    const side = canvas.width;
    for (let n = 0; n < VARIANTS; n++) {
      const copy = document.createElement("canvas");
      copy.width = side;
      copy.height = side;
      const context = copy.getContext("2d");
      context.fillRect(0, 0, side, side);
      const size = side * (1 - 0.06 * n);
      context.globalAlpha = 1 - 0.12 * n;
      context.drawImage(canvas, (side - size) / 2 + n, (side - size) / 2 - n, size, size);
      made.push(await pictureFrom(copy, title));
    }
  }
  return made;
}

// samples.js: pictures to try the models with, all drawn here: type, silhouettes, and the generated set.
import { generate } from "shiftwise/data";

const SIDE = 112;

/** Outlines in a square of 28, white on black as in the set they imitate. */
const CLOTHES = {
  trouser: "M10 2h9l2 24h-5l-2-16-2 16H7z",
  "T-shirt": "M9 4l3 1h4l3-1 7 4-3 5-3-1v13H8V12l-3 1-3-5z",
  dress: "M11 2h6l1 7 4 17H6l4-17z",
  bag: "M3 11h22v14H3zM9 11c0-8 10-8 10 0h-2c0-5-6-5-6 0z",
  "ankle boot": "M17 3H8v12l-5 6v4h6l2-2h7v2h6v-7l-4-3z",
};

/** @returns canvases with a title for each, none for a visitor's own model */
export function samplesOf(model) {
  if (model === "mnist-shift") return ["7", "2", "5", "3", "8"].map(typed);
  if (model === "fashion-shift") return Object.entries(CLOTHES).map(([title, path]) => outlined(title, path));
  if (model === "demo") return signs();
  return [];
}

function blank(side) {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  context.fillStyle = "#000000";
  context.fillRect(0, 0, side, side);
  return { canvas, context };
}

function typed(title) {
  const { canvas, context } = blank(SIDE);
  context.fillStyle = "#ffffff";
  context.font = `${0.86 * SIDE}px "Comic Sans MS", "Segoe Print", "Bradley Hand", sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const { actualBoundingBoxAscent: up, actualBoundingBoxDescent: down } = context.measureText(title);
  context.fillText(title, SIDE / 2, SIDE / 2 + (up - down) / 2);
  return { canvas, title };
}

function outlined(title, path) {
  const { canvas, context } = blank(SIDE);
  context.scale(SIDE / 28, SIDE / 28);
  context.fillStyle = "#c8c8c8";
  context.fill(new Path2D(path));
  return { canvas, title };
}

function signs() {
  const { test } = generate({ seed: 4, train: 10, test: 10 });
  return Array.from(test.labels.subarray(0, 8), (label, n) => {
    const { canvas, context } = blank(28);
    const pixels = context.getImageData(0, 0, 28, 28);
    for (let i = 0; i < 784; i++) pixels.data.fill(test.images[n * 784 + i], 4 * i, 4 * i + 3);
    context.putImageData(pixels, 0, 0);
    return { canvas, title: test.classNames[label] };
  });
}

// boxes.js: how many boxes of a quantized YOLOX network are those of the float one: recall and precision at an IoU of 0.5.
//
//   node bench/boxes.js yolox_nano.onnx model.safetensors images/ [count]
import { readFile } from "node:fs/promises";
import { openCalibration } from "../dist/data/index.js";
import { lower } from "../dist/graph/index.js";
import { importOnnxFile } from "../dist/onnx/index.js";
import { Model } from "../dist/runtime/index.js";

const STRIDES = [8, 16, 32];
/** Boxes of less confidence are not looked at, nor are those that overlap a surer one of their class by more. */
const CONFIDENCE = 0.25;
const OVERLAP = 0.45;
const MATCH = 0.5;

const [network, file, folder, count = "48"] = process.argv.slice(2);
const float = await importOnnxFile(network);
const { shape, name } = float.nodes.find(({ op }) => op === "input");
const pictures = await openCalibration(folder, shape, { channels: "bgr", range: 255 }, Number(count));
const models = [await Model.from(lower(float, { grids: null })), await Model.load(await readFile(file))];
let [expected, found, matched] = [0, 0, 0];
for (let i = 0; i < pictures.samples.count; i++) {
  const image = pictures.samples.read(i, 1);
  const [truth, boxes] = models.map((model) => boxesOf(Object.values(model.runSync(image))[0], shape));
  expected += truth.length;
  found += boxes.length;
  matched += matches(truth, boxes);
}
console.log(
  `${name}: ${pictures.samples.count} pictures, ${expected} boxes in float32, ${found} quantized, ${matched} of them the same`,
);
console.log(`recall ${(matched / expected).toFixed(3)}, precision ${(matched / found).toFixed(3)}`);

/** Rows of x, y, width, height, objectness and classes, grid after grid, decoded and thinned out. */
function boxesOf(values, [, height, width]) {
  const grids = STRIDES.map((stride) => ({ stride, rows: height / stride, columns: width / stride }));
  const size = values.length / grids.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const boxes = [];
  let at = 0;
  for (const { stride, rows, columns } of grids) {
    for (let k = 0; k < rows * columns; k++, at += size) {
      const [x, y, w, h, objectness, ...classes] = values.subarray(at, at + size);
      const best = Math.max(...classes);
      const score = objectness * best;
      if (score < CONFIDENCE) continue;
      const [cx, cy] = [(x + (k % columns)) * stride, (y + Math.floor(k / columns)) * stride];
      const [dx, dy] = [(Math.exp(w) * stride) / 2, (Math.exp(h) * stride) / 2];
      boxes.push({ score, label: classes.indexOf(best), corners: [cx - dx, cy - dy, cx + dx, cy + dy] });
    }
  }
  const kept = [];
  for (const box of boxes.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => other.label !== box.label || overlap(other, box) <= OVERLAP)) kept.push(box);
  }
  return kept;
}

function overlap({ corners: a }, { corners: b }) {
  const side = (axis) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]));
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  const shared = side(0) * side(1);
  return shared / (area(a) + area(b) - shared);
}

/** Pairs of one class, the surest box first; each is in one pair. */
function matches(truth, boxes) {
  const free = new Set(truth);
  return boxes.filter((box) => {
    const near = [...free]
      .filter(({ label }) => label === box.label)
      .sort((a, b) => overlap(b, box) - overlap(a, box))[0];
    return near && overlap(near, box) >= MATCH && free.delete(near);
  }).length;
}

// generate.ts: the built-in data set: ten hand-drawn signs, bent, cluttered and noisy, made from a seed alone.
import { createRandom, given, is, type Random } from "../base/index.js";
import { computeNormalization, type Dataset, type TrainTest } from "./dataset.js";
import { arc, bend, type Canvas, draw, line, randomWarp, type Stroke, transform } from "./strokes.js";

/** Options of `generate`. */
export interface GenerateOptions {
  /** Any integer; the images are the same for the same seed, whatever the machine. Default 1. */
  readonly seed?: number;
  /** Images to train on. Default 10,000. */
  readonly train?: number;
  /** Images to test on; their pixels do not depend on `train`. Default 3,000. */
  readonly test?: number;
}

const SIZE = 28;
const COUNT = is.optional(is.integer(1, 2 ** 31 / SIZE ** 2));
const OPTIONS = is.record<GenerateOptions>({
  seed: is.optional(is.integer(Number.MIN_SAFE_INTEGER)),
  train: COUNT,
  test: COUNT,
});

/**
 * The strokes that the pen draws for each class, in the square [-1, 1] x [-1, 1]. Neighbours in the list are easily
 * confused.
 */
const SIGNS: readonly { readonly name: string; readonly strokes: readonly Stroke[] }[] = [
  { name: "ring", strokes: [arc(0, 0, 0, 360, 0.85)] },
  { name: "gap", strokes: [arc(0, 0, 32, 328, 0.85)] },
  { name: "spiral", strokes: [arc(0, 0, -20, 560, 0.9, 0.15)] },
  { name: "square", strokes: [line(-0.75, -0.75, 0.75, -0.75, 0.75, 0.75, -0.75, 0.75, -0.75, -0.75)] },
  { name: "triangle", strokes: [line(0, -0.85, 0.85, 0.7, -0.85, 0.7, 0, -0.85)] },
  { name: "tee", strokes: [line(-0.8, -0.75, 0.8, -0.75), line(0, -0.75, 0, 0.85)] },
  { name: "wye", strokes: [line(-0.7, -0.8, 0, 0, 0.7, -0.8), line(0, 0, 0, 0.85)] },
  { name: "cross", strokes: [line(-0.75, -0.8, 0.75, 0.8), line(0.75, -0.8, -0.75, 0.8)] },
  { name: "zed", strokes: [line(-0.7, -0.75, 0.7, -0.75, -0.7, 0.75, 0.7, 0.75)] },
  { name: "ess", strokes: [[...arc(0, -0.42, -20, -270, 0.45), ...arc(0, 0.42, -90, 160, 0.45)]] },
];

/**
 * The difficulty of the set: residual CNNs of 80,000 weights get 97.4 to 98.9 % of the test images right after 3 to 6
 * epochs, seeds 1 to 5. Lengths in glyph units (the sign is 2 wide) or pixels where said; ranges are uniform.
 */
const KNOBS = {
  /** Pixels to one glyph unit. */
  scale: [7, 11.5],
  /** Width to height. */
  aspect: [0.75, 1.33],
  /** Radians either way. */
  rotation: 0.35,
  shear: 0.3,
  /** Pixels either way. */
  shift: 3,
  /** Standard deviation of the elastic distortion. */
  elastic: 0.13,
  /** Pen radius in pixels. */
  pen: [0.7, 1.7],
  /** Strokes that belong to no sign. */
  clutter: [0, 3],
  /** Pixels. */
  clutterLength: [2.7, 9.9],
  /** Radians either way that a clutter stroke turns over its length. */
  clutterTurn: 2,
  /** Ink of a clutter stroke relative to the sign's. */
  clutterInk: [0.55, 1],
  /** Chance that a thin line is wiped out across the sign. */
  scratch: 0.3,
  /** Radius of that line in pixels. */
  scratchPen: 0.5,
  /** Grey of the paper and of full ink above it, 0..1. */
  paper: [0, 0.3],
  contrast: [0.35, 0.7],
  /** Largest difference of the paper's grey from edge to edge. */
  gradient: 0.15,
  /** Standard deviation of the pixel noise. */
  noise: [0.02, 0.1],
} as const;

/**
 * Makes the ten-class set of 28x28 grey images. Classes take turns, so any first part of it is balanced.
 * @throws BAD_OPTION for a seed that is no integer or a count below 1.
 */
export function generate(options: GenerateOptions = {}): TrainTest {
  given({ options }, { options: OPTIONS });
  const { seed = 1, train = 10_000, test = 3_000 } = options;
  const random = createRandom(seed);
  const trainSeed = random.uint32();
  const testSeed = random.uint32();
  const trainImages = render(train, createRandom(trainSeed));
  const testImages = render(test, createRandom(testSeed));
  const shape = [1, SIZE, SIZE] as const;
  const common = {
    shape,
    classes: SIGNS.length,
    classNames: SIGNS.map((sign) => sign.name),
    normalization: computeNormalization(trainImages, shape),
  };
  const part = (images: Uint8Array): Dataset => ({
    ...common,
    images,
    labels: Uint8Array.from({ length: images.length / (SIZE * SIZE) }, (_, i) => i % SIGNS.length),
  });
  return { train: part(trainImages), test: part(testImages) };
}

function render(count: number, random: Random): Uint8Array {
  const images = new Uint8Array(count * SIZE * SIZE);
  const canvas = { size: SIZE, ink: new Float32Array(SIZE * SIZE) };
  for (let i = 0; i < count; i++) {
    canvas.ink.fill(0);
    drawSign(canvas, SIGNS[i % SIGNS.length].strokes, random);
    expose(canvas, images.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE), random);
  }
  return images;
}

function drawSign(canvas: Canvas, strokes: readonly Stroke[], random: Random): void {
  const place = placement(random);
  const warp = randomWarp(random, KNOBS.elastic);
  const radius = between(random, KNOBS.pen);
  for (const stroke of strokes) draw(canvas, transform(bend(stroke, warp), place), radius, 1);
  if (random.uniform() < KNOBS.scratch) draw(canvas, scrap(random), KNOBS.scratchPen, 0);
  const clutter = KNOBS.clutter[0] + random.below(KNOBS.clutter[1] - KNOBS.clutter[0] + 1);
  for (let i = 0; i < clutter; i++) {
    draw(canvas, scrap(random), between(random, KNOBS.pen), between(random, KNOBS.clutterInk));
  }
}

/** From glyph units to pixels: scale, aspect, shear, rotation, shift. */
function placement(random: Random): readonly number[] {
  const scale = between(random, KNOBS.scale);
  const aspect = Math.sqrt(between(random, KNOBS.aspect));
  const shear = swing(random, KNOBS.shear);
  const angle = swing(random, KNOBS.rotation);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const width = scale * aspect;
  const height = scale / aspect;
  const middle = (SIZE - 1) / 2;
  return [
    width * cos,
    width * shear * cos - height * sin,
    middle + swing(random, KNOBS.shift),
    width * sin,
    width * shear * sin + height * cos,
    middle + swing(random, KNOBS.shift),
  ];
}

/** A short bent stroke anywhere, in pixels. */
function scrap(random: Random): Stroke {
  const length = between(random, KNOBS.clutterLength);
  const turn = swing(random, KNOBS.clutterTurn);
  let angle = random.uniform() * 2 * Math.PI;
  let x = random.uniform() * (SIZE - 1);
  let y = random.uniform() * (SIZE - 1);
  const points = [x, y];
  for (let i = 0; i < 4; i++) {
    x += (Math.cos(angle) * length) / 4;
    y += (Math.sin(angle) * length) / 4;
    angle += turn / 4;
    points.push(x, y);
  }
  return points;
}

/** Ink to pixels: paper, gradient, contrast, noise. */
function expose(canvas: Canvas, pixels: Uint8Array, random: Random): void {
  const paper = between(random, KNOBS.paper);
  const contrast = between(random, KNOBS.contrast);
  const slopeX = swing(random, KNOBS.gradient) / SIZE;
  const slopeY = swing(random, KNOBS.gradient) / SIZE;
  const noise = between(random, KNOBS.noise);
  for (let i = 0; i < pixels.length; i++) {
    const x = (i % SIZE) - SIZE / 2;
    const y = Math.floor(i / SIZE) - SIZE / 2;
    const grey = paper + slopeX * x + slopeY * y + contrast * canvas.ink[i] + noise * roughNormal(random);
    pixels[i] = Math.min(Math.max(Math.round(255 * grey), 0), 255);
  }
}

/** The sum of four bytes, centred and scaled to variance 1: near enough to normal for noise, and one draw. */
function roughNormal(random: Random): number {
  const word = random.uint32();
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.8;
}

function between(random: Random, [low, high]: readonly [number, number]): number {
  return low + (high - low) * random.uniform();
}

function swing(random: Random, most: number): number {
  return (2 * random.uniform() - 1) * most;
}

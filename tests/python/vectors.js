// vectors.js: INQ's portions as this side rounds them, for the tests of the Python package: node tests/python/vectors.js writes them.
import { writeFileSync } from "node:fs";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { advancePortion, quantizerNamed } from "../../dist/quantize/index.js";

export const FILE = new URL("../../python/tests/vectors.txt", import.meta.url);

const PORTIONS = [0.3, 0.75, 1];
const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");

function network(seed) {
  const random = createRandom(seed);
  const b = buildNetwork("vectors", random);
  const made = b.finish([b.dense(b.conv(b.input([3, 4, 4]), 4), 3)]);
  const weights = made.nodes.filter(({ op }) => op === "conv" || op === "dense").map(({ weight }) => weight.data);
  for (const data of weights) {
    data.forEach((_, i) => {
      data[i] = 0.2 * random.normal();
    });
  }
  // ties, weights on a threshold, zeros and a channel of zeros
  weights[0].set([0.75, -0.75, 0.375, 0.1875, -0.1875, 0.1875, 0, -0, 2 ** -9]);
  weights[1].fill(0, 0, weights[1].length / 3);
  return { made, weights };
}

function vector(settings, seed) {
  const { made, weights } = network(seed);
  const before = weights.map(base64);
  const { levels, rule, ...own } = settings;
  const steps = [];
  let grids = null;
  for (const portion of PORTIONS) {
    const quantizer = levels === "two-term" ? { quantizer: quantizerNamed("two-term") } : {};
    grids = advancePortion(made, grids, { ...own, ...quantizer, ...(rule && { rule }), portion, seed: 7 });
    steps.push({ weights: weights.map(base64), frozen: [...grids.values()].map(({ frozen }) => base64(frozen)) });
    // what training would do to the weights that are free, in numbers that both sides have
    for (const [i, { frozen }] of [...grids.values()].entries()) {
      weights[i].forEach((w, k) => {
        if (frozen[k] === 0) weights[i][k] = Math.fround(w * 1.0625);
      });
    }
  }
  const described = [...grids.values()].map(({ kind, bits, n1, scale, books }) => ({
    kind,
    ...(kind === "powers" ? { bits, n1 } : { of: [...books.of] }),
    scale: scale && base64(scale),
  }));
  return {
    settings: { rule: null, levels: "powers", scale: "layer", partition: "magnitude", ...settings },
    before,
    steps,
    grids: described,
  };
}

/** All vectors, as JSON: a text file, since formatters would make a line of every number. */
export function vectors() {
  const cases = [];
  for (const bits of [2, 3, 4, 5]) {
    for (const scale of ["layer", "channel"]) {
      cases.push({ bits, scale, partition: bits % 2 === 0 ? "magnitude" : "random" });
    }
    cases.push({ bits, rule: "max" }, { bits, rule: "mse" });
  }
  for (const bits of [2, 3, 4, 5, 6]) cases.push({ bits, levels: "two-term" });
  const made = cases.map((settings, i) => vector(settings, i + 1));
  return `${JSON.stringify({
    portions: PORTIONS,
    shapes: [
      [4, 3, 3, 3],
      [3, 64],
    ],
    cases: made,
  })}\n`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(FILE, vectors());

// endings.js: networks that end in anything: maps, token matrices, functions, several outputs, outputs that others read.
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { withNormalization } from "../../dist/pipeline/index.js";

export const NORMALIZATION = { mean: [0.4], std: [0.3] };

/** Two convolutions on a picture of 12 x 12, and behind them what `end` adds; it returns the outputs. */
function ending(end, labels) {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input([1, 12, 12]), 8, { bias: true }));
  const y = b.relu(b.batchNorm(b.conv(x, 8, { stride: 2 })));
  return withNormalization(b.finish(end(b, y, x), labels), NORMALIZATION);
}

export const ENDINGS = {
  "one vector of logits": ending((b, y) => [b.dense(y, 5)]),
  softmax: ending((b, y) => [b.softmax(b.dense(y, 5))]),
  "a vector of sigmoids": ending((b, y) => [b.activation(b.dense(y, 5), "sigmoid")]),
  "a map": ending((b, y) => [b.conv(y, 3, { bias: true })]),
  "a map of sigmoids": ending((b, y) => [b.activation(b.conv(y, 1, { bias: true }), "sigmoid")]),
  "a softmax of every pixel": ending((b, y) => [b.softmax(b.conv(y, 3, { bias: true }))]),
  tokens: ending((b, y) => [b.permute(b.conv(y, 4, { bias: true }), [4, 36], [1, 0], [36, 4, 1])]),
  "a map that is rounded and read elsewhere": ending((b, y, x) => [b.dense(y, 5), x]),
  "classes and boxes": ending((b, y) => {
    const rows = (n) => b.permute(b.conv(y, n, { bias: true }), [n, 36], [1, 0], [36, n, 1]);
    return [b.softmax(rows(2), 1), rows(4)];
  }),
  "a sum and what it is of": ending((b, y) => {
    const z = b.conv(y, 8, { bias: true });
    return [z, b.add(z, y), b.relu(z)];
  }),
};

export function pictures(count = 24) {
  const random = createRandom(1);
  return {
    images: Uint8Array.from({ length: 144 * count }, () => random.below(256)),
    shape: [1, 12, 12],
    normalization: NORMALIZATION,
  };
}

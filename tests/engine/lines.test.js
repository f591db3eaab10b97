// lines.test.js: interpolation and softmax, line by line, give the bits of sums taken element by element.
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { resamplePass } from "../../dist/engine/resample.js";
import { ROW } from "../../dist/engine/rows.js";
import { softmaxPass } from "../../dist/engine/softmax.js";
import { softmax } from "../../dist/ops/index.js";
import { eachPlace, strides, volume } from "../oracle/places.js";
import { assertPass, values } from "./bits.js";

test("interpolation: each product of a float64 weight is added in float32, in order", () => {
  const random = createRandom(11);
  for (let run = 0; run < 200; run++) {
    const own = [0, 1, 2].map(() => 1 + random.below(5));
    const shape = [own[0], 1 + random.below(7), 1 + random.below(7)];
    const [rows, columns] = [1, 2].map((axis) => {
      const length = shape[axis] * (1 + random.below(3));
      const indices = Array.from({ length }, () => random.below(own[axis]));
      return { indices, weights: indices.map(() => random.normal()) };
    });
    const [tall, wide] = [rows.indices.length / shape[1], columns.indices.length / shape[2]];
    const count = 1 + random.below(2);
    const each = (visit) =>
      eachPlace(count, shape, (o, n, c, y, x) => {
        for (let j = y * tall; j < (y + 1) * tall; j++) {
          for (let k = x * wide; k < (x + 1) * wide; k++) {
            const from = ((n * own[0] + c) * own[1] + rows.indices[j]) * own[2] + columns.indices[k];
            visit(o, from, rows.weights[j] * columns.weights[k]);
          }
        }
      });
    const plain = {
      forward: ([x], y) => each((o, i, weight) => (y[o] += weight * x[i])),
      backward: (_, __, dy, [dx]) => each((o, i, weight) => (dx[i] += weight * dy[o])),
    };
    const inputs = [values(count * volume(own), run)];
    const pass = resamplePass({ rows, columns }, [own], shape);
    assertPass(pass, plain, inputs, count * volume(shape), count, `${own} to ${shape}, ${tall} by ${wide} taps`);
  }
});

test("softmax along every axis, of lines at the edges of a row", () => {
  const lengths = [1, 2, 7, ROW - 1, ROW, ROW + 1, 2 * ROW + 3];
  for (const axis of [0, 1, 2]) {
    for (const length of lengths) {
      const shape = [2, 3, 2].with(axis, length);
      const step = strides(shape)[axis];
      const each = (visit) => {
        for (let i = 0; i < 2 * volume(shape); i++) if (Math.floor(i / step) % length === 0) visit(i);
      };
      const plain = {
        forward: ([x], y) =>
          each((first) => {
            const line = Float64Array.from({ length }, (_, k) => x[first + k * step]);
            softmax(line);
            for (const [k, value] of line.entries()) y[first + k * step] = value;
          }),
        backward: (_, y, dy, [dx]) =>
          each((first) => {
            let sum = 0;
            for (let k = 0; k < length; k++) sum += dy[first + k * step] * y[first + k * step];
            for (let i = first, k = 0; k < length; k++, i += step) dx[i] += y[i] * (dy[i] - sum);
          }),
      };
      const inputs = [values(2 * volume(shape), length)];
      assertPass(softmaxPass({ axis }, [shape], shape), plain, inputs, inputs[0].length, 2, `${shape} along ${axis}`);
    }
  }
});

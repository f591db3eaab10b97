// evidence.test.js: damping by the differences between blocks of images, against its definition and against known covariances.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { addRow, dampingBy, noEvidence } from "../../dist/rounding/evidence.js";

/** The covariance of rows of samples, about their mean. */
function covarianceOf(rows) {
  const n = rows[0].length;
  const mean = Array.from({ length: n }, (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
  const covariance = new Float64Array(n * n);
  for (const row of rows) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) covariance[i * n + j] += ((row[i] - mean[i]) * (row[j] - mean[j])) / rows.length;
    }
  }
  return { mean: Float64Array.from(mean), covariance };
}

const squares = (matrix) => matrix.reduce((sum, value) => sum + value * value, 0);

/** What the blocks are counted as by the product. */
function evidenceOf(blocks) {
  const evidence = noEvidence();
  const n = blocks[0][0].length;
  for (const rows of blocks) {
    const { mean } = covarianceOf(rows);
    for (let m = 0; m < n; m++) {
      const sums = new Float32Array(8 * n + 3);
      for (let k = 0; k <= m; k++) sums[3 + 8 * k] = rows.reduce((sum, row) => sum + row[m] * row[k], 0);
      addRow(evidence, sums, 3, m, mean, rows.length);
    }
    evidence.blocks++;
  }
  return evidence;
}

/** Blocks of samples that vary along few directions, about a mean far from 0. */
function draw(random, n, count, size) {
  const along = Array.from({ length: n }, () => Array.from({ length: n }, () => random.normal() / 4));
  const sample = () => {
    const z = along.map((_, i) => random.normal() * 2 ** -i);
    return along.map((row, i) => 3 + 0.1 * random.normal() + row.reduce((sum, a, k) => sum + a * z[k], i / n));
  };
  const blocks = Array.from({ length: count }, () => Array.from({ length: size }, sample));
  return { blocks, truth: covarianceOf(Array.from({ length: 4000 }, sample)).covariance };
}

describe("damping by evidence", () => {
  test("sums what the definition sums", () => {
    const { blocks } = draw(createRandom(3), 9, 5, 7);
    const evidence = evidenceOf(blocks);
    const expected = blocks.map((rows) => covarianceOf(rows).covariance);
    const traces = expected.map((c) => Array.from({ length: 9 }, (_, i) => c[10 * i]).reduce((a, b) => a + b));
    const near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 1e-4 * wanted, `${found}, not ${wanted}`);
    near(
      evidence.squares,
      expected.reduce((sum, c) => sum + squares(c), 0),
    );
    near(
      evidence.traces,
      traces.reduce((a, b) => a + b),
    );
  });

  test("brings a covariance of few samples nearer to the true one, and is least with many", () => {
    const random = createRandom(5);
    const n = 24;
    const [few, many] = [2, 40].map((size) => {
      const sums = { damping: 0, before: 0, after: 0 };
      for (let draws = 0; draws < 12; draws++) {
        const { blocks, truth } = draw(random, n, 8, size);
        const { covariance } = covarianceOf(blocks.flat());
        const damping = dampingBy(evidenceOf(blocks), covariance, n);
        const mean = Array.from({ length: n }, (_, i) => covariance[i * (n + 1)] / n).reduce((a, b) => a + b);
        const shrunk = covariance.map((v, at) => (v + (at % (n + 1) === 0 ? damping * mean : 0)) / (1 + damping));
        const distance = (matrix) => squares(matrix.map((v, i) => v - truth[i])) / squares(truth);
        sums.damping += damping / 12;
        sums.before += distance(covariance);
        sums.after += distance(shrunk);
      }
      return sums;
    });
    assert.ok(few.after < few.before, `${few.before} to ${few.after}`);
    assert.ok(many.after < 1.1 * many.before, `${many.before} to ${many.after}`);
    assert.ok(many.damping < few.damping / 2, `${few.damping}, ${many.damping}`);
  });

  test("is the least for blocks that are alike, for one block, and for inputs that never change", () => {
    const { blocks } = draw(createRandom(7), 6, 1, 50);
    const { covariance } = covarianceOf(blocks[0]);
    for (const some of [blocks, [blocks[0], blocks[0], blocks[0]]]) {
      assert.equal(dampingBy(evidenceOf(some), covariance, 6), 0.01);
    }
    const still = Array.from({ length: 4 }, () => Array.from({ length: 3 }, () => [1, 2, 3]));
    assert.equal(dampingBy(evidenceOf(still), new Float64Array(9), 3), 0.01);
  });

  test("is the least for blocks of one sample each, of whole numbers and of others, and a number for one input", () => {
    const random = createRandom(8);
    for (const value of [() => random.below(7) - 3, () => random.normal()]) {
      for (const n of [1, 2, 5]) {
        const blocks = Array.from({ length: 3 }, () => [Array.from({ length: n }, value)]);
        const damping = dampingBy(evidenceOf(blocks), covarianceOf(blocks.flat()).covariance, n);
        assert.ok(damping >= 0.01 && damping <= 10, `${damping}`);
        if (n > 1) assert.equal(damping, 0.01);
      }
    }
  });

  test("has a bound where samples say nothing but how much inputs vary", () => {
    const random = createRandom(9);
    const blocks = Array.from({ length: 8 }, () => [0, 1].map(() => Array.from({ length: 60 }, () => random.normal())));
    const damping = dampingBy(evidenceOf(blocks), covarianceOf(blocks.flat()).covariance, 60);
    assert.ok(damping > 1 && damping <= 10, `${damping}`);
  });
});

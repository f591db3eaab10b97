// moments.test.js: the moments of a layer's inputs against sums over all windows, one by one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { compileModule, createRoom } from "../../dist/engine/wasm.js";
import { createMoments } from "../../dist/rounding/moments.js";

const module = compileModule();

function convNode(weight, { stride = [1, 1], dilation = [1, 1], padding = [0, 0, 0, 0], groups = 1 } = {}) {
  const random = createRandom(9);
  const data = Float32Array.from({ length: weight.reduce((a, b) => a * b) }, () => random.normal());
  return {
    op: "conv",
    name: "c",
    input: "x",
    weight: { shape: weight, data },
    bias: null,
    stride,
    dilation,
    padding,
    groups,
  };
}

/** Input vectors of every output position, group by group. */
function windows(node, [channels, height, width], x, count, step = 1, images = 1) {
  if (node.op === "dense") {
    const n = channels * height * width;
    return [Array.from({ length: count }, (_, i) => Array.from(x.subarray(i * n, (i + 1) * n)))];
  }
  const [, depth, kh, kw] = node.weight.shape;
  const [top, left, bottom, right] = node.padding;
  const rows = Math.floor((height + top + bottom - (kh - 1) * node.dilation[0] - 1) / node.stride[0]) + 1;
  const columns = Math.floor((width + left + right - (kw - 1) * node.dilation[1] - 1) / node.stride[1]) + 1;
  return Array.from({ length: node.groups }, (_, group) => {
    const all = [];
    for (let n = 0; n < count; n++) {
      const phase = Math.floor(n / images) % step;
      for (let oy = phase; oy < rows; oy += step) {
        for (let ox = 0; ox < columns; ox++) {
          const window = [];
          for (let c = 0; c < depth; c++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const y = oy * node.stride[0] + ky * node.dilation[0] - top;
                const z = ox * node.stride[1] + kx * node.dilation[1] - left;
                const inside = y >= 0 && y < height && z >= 0 && z < width;
                window.push(inside ? x[((n * channels + group * depth + c) * height + y) * width + z] : 0);
              }
            }
          }
          all.push(window);
        }
      }
    }
    return all;
  });
}

const fill = (values) => (into) => into.set(values);

function check(node, shape, count, batch, withTwin, step = 1, images = 1) {
  const random = createRandom(count + batch);
  const size = shape[0] * shape[1] * shape[2];
  const draw = () => Float32Array.from({ length: count * size }, () => random.normal() + 0.5);
  const [x, twin] = [draw(), draw()];
  const sums = createMoments(node, shape, batch, withTwin, step, createRoom(module));
  for (let from = 0; from < count; from += batch) {
    const to = Math.min(from + batch, count);
    const part = (values) => values.subarray(from * size, to * size);
    sums.add(fill(part(x)), withTwin ? fill(part(twin)) : null, to - from);
  }
  const found = sums.read();
  const expected = windows(node, shape, x, count, step, images);
  const others = windows(node, shape, withTwin ? twin : x, count, step, images);
  assert.equal(found.length, expected.length);
  const close = (a, b, what) => assert.ok(Math.abs(a - b) < 1e-4, `${what}: ${a}, ${b}`);
  for (const [group, own] of expected.entries()) {
    const other = others[group];
    const n = own[0].length;
    const meanOf = (all) => Array.from({ length: n }, (_, i) => all.reduce((sum, w) => sum + w[i], 0) / all.length);
    const mean = meanOf(own);
    const cov = (a, am, b, bm, i, j) => a.reduce((sum, w, p) => sum + (w[i] - am[i]) * (b[p][j] - bm[j]), 0) / a.length;
    for (let i = 0; i < n; i++) {
      close(found[group].mean[i], mean[i], "mean");
      for (let j = 0; j < n; j++) {
        close(found[group].covariance[i * n + j], cov(own, mean, own, mean, i, j), `covariance ${i}, ${j}`);
      }
    }
    assert.equal(found[group].drift === null, !withTwin);
    if (!withTwin) continue;
    const rows = node.weight.shape[0] / found.length;
    for (let r = 0; r < rows; r++) {
      const weights = node.weight.data.subarray((group * rows + r) * n, (group * rows + r + 1) * n);
      const lost = own.map((w, p) => w.reduce((sum, value, i) => sum + weights[i] * (other[p][i] - value), 0));
      const lostMean = lost.reduce((sum, value) => sum + value, 0) / lost.length;
      close(found[group].drift.mean[r], lostMean, `mean of row ${r}`);
      for (let j = 0; j < n; j++) {
        const drift = lost.reduce((sum, value, p) => sum + (value - lostMean) * (own[p][j] - mean[j]), 0) / lost.length;
        close(found[group].drift.covariance[r * n + j], drift, `drift ${r}, ${j}`);
      }
    }
  }
}

describe("moments", () => {
  for (const withTwin of [false, true]) {
    const suffix = withTwin ? " with a twin" : "";
    test(`of a padded convolution${suffix}`, () => {
      check(convNode([4, 3, 3, 3], { padding: [1, 1, 1, 1] }), [3, 6, 7], 5, 2, withTwin);
    });
    test(`of a strided, dilated, unevenly padded one${suffix}`, () => {
      check(
        convNode([2, 2, 3, 2], { stride: [2, 2], dilation: [1, 2], padding: [0, 1, 1, 2] }),
        [2, 9, 9],
        3,
        3,
        withTwin,
      );
    });
    test(`of every third row, other ones from block to block${suffix}`, () => {
      check(convNode([4, 2, 3, 3], { padding: [1, 1, 1, 1] }), [2, 8, 8], 7, 4, withTwin, 3, 1);
      check(convNode([4, 2, 1, 1]), [2, 5, 8], 9, 8, withTwin, 2, 2);
    });
    test(`of groups${suffix}`, () => {
      check(convNode([6, 2, 1, 1], { groups: 3 }), [6, 4, 4], 4, 4, withTwin);
    });
    test(`of a depthwise convolution${suffix}`, () => {
      check(convNode([5, 1, 3, 3], { groups: 5, padding: [1, 1, 1, 1], stride: [2, 2] }), [5, 5, 5], 9, 8, withTwin);
    });
    test(`of a dense layer${suffix}`, () => {
      const node = {
        op: "dense",
        name: "d",
        input: "x",
        weight: { shape: [3, 12], data: Float32Array.from({ length: 36 }, (_, i) => Math.sin(i)) },
        bias: null,
      };
      check(node, [3, 2, 2], 11, 4, withTwin);
    });
  }
});

test("moments of values of any size are those of values around 1, scaled", () => {
  const node = convNode([4, 3, 3, 3], { padding: [1, 1, 1, 1] });
  const random = createRandom(5);
  const x = Float32Array.from({ length: 2 * 126 }, () => random.normal() + 0.5);
  const momentsOf = (exponent) => {
    const scaled = x.map((value) => value * 2 ** exponent);
    const sums = createMoments(node, [3, 6, 7], 2, true, 1, createRoom(module));
    const nothing = fill(new Float32Array(scaled.length));
    sums.add(nothing, nothing, 2);
    sums.add(fill(scaled), fill(scaled.toReversed()), 2);
    const { mean, covariance, drift } = sums.read()[0];
    return { mean, covariance, driftMean: drift.mean, drift: drift.covariance };
  };
  const expected = momentsOf(0);
  for (const exponent of [-120, -45, 45, 120]) {
    const found = momentsOf(exponent);
    const near = (field, power) =>
      found[field].forEach((value, i) => {
        assert.ok(Math.abs(value / 2 ** (power * exponent) - expected[field][i]) < 1e-6, `${field} 2^${exponent}`);
      });
    for (const field of ["mean", "driftMean"]) near(field, 1);
    for (const field of ["covariance", "drift"]) near(field, 2);
  }
});

// strokes.test.js: the pen: coverage, erasing, bounds, geometry.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { arc, bend, draw, line, randomWarp, transform } from "../../dist/data/strokes.js";

const blank = (size) => ({ size, ink: new Float32Array(size * size) });

test("a dot covers its disc and fades over one pixel", () => {
  const canvas = blank(7);
  draw(canvas, [3, 3, 3, 3], 1, 1);
  assert.equal(canvas.ink[3 * 7 + 3], 1);
  assert.equal(canvas.ink[3 * 7 + 4], 0.5);
  assert.equal(canvas.ink[3 * 7 + 5], 0);
  assert.ok(Math.abs(canvas.ink[2 * 7 + 2] - (1.5 - Math.SQRT2)) < 1e-6);
});

test("a line keeps the larger ink, and erasing takes it away", () => {
  const canvas = blank(9);
  draw(canvas, [0, 4, 8, 4], 1, 0.5);
  draw(canvas, [4, 0, 4, 8], 1, 1);
  draw(canvas, [0, 4, 8, 4], 1, 0.25);
  assert.deepEqual([canvas.ink[4 * 9 + 1], canvas.ink[4 * 9 + 4], canvas.ink[9 + 4]], [0.5, 1, 1]);
  draw(canvas, [4, 4, 4, 4], 1, 0);
  assert.deepEqual([canvas.ink[4 * 9 + 4], canvas.ink[4 * 9 + 5], canvas.ink[9 + 4]], [0, 0.5, 1]);
});

test("strokes outside the canvas leave it alone", () => {
  const canvas = blank(5);
  draw(canvas, [-30, -30, -20, -25, 40, -9], 2, 1);
  assert.ok(canvas.ink.every((ink) => ink === 0));
});

test("lines are cut into short pieces and keep their corners", () => {
  const points = line(0, 0, 1, 0, 1, 0.2);
  assert.deepEqual(points, [0, 0, 0.25, 0, 0.5, 0, 0.75, 0, 1, 0, 1, 0.2]);
});

test("arcs start and end where they should and may change radius", () => {
  const points = arc(1, 2, 0, 90, 2, 1);
  assert.deepEqual(points.slice(0, 2), [3, 2]);
  assert.ok(Math.abs(points.at(-2) - 1) < 1e-12 && Math.abs(points.at(-1) - 3) < 1e-12);
});

test("transform is affine; a warp of no strength moves nothing, one of some moves smoothly", () => {
  assert.deepEqual(transform([1, 2, 0, 0], [2, 0, 5, 0, 3, -1]), [7, 5, 5, -1]);
  const stroke = line(-1, -1, 1, 1);
  assert.deepEqual(bend(stroke, randomWarp(createRandom(1), 0)), stroke);
  const warp = randomWarp(createRandom(1), 0.1);
  const a = bend([0.3, 0.2], warp);
  const b = bend([0.3001, 0.2001], warp);
  assert.notDeepEqual(a, [0.3, 0.2]);
  assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.001);
  assert.deepEqual(
    bend([-1, -1], warp).map((v) => v + 1),
    [warp[0] - 1 + 1, warp[1] - 1 + 1].map((v) => -1 + v + 1),
  );
});

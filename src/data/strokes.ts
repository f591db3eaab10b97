// strokes.ts: pen strokes on a small grey canvas: geometry, distortion, anti-aliased drawing.
import type { Random } from "../base/index.js";

/** Points of a polyline, x then y, x to the right and y down. */
export type Stroke = readonly number[];

/** Square, row-major, 0 (paper) to 1 (ink). */
export interface Canvas {
  readonly size: number;
  readonly ink: Float32Array;
}

/** A smooth random displacement over the square [-1, 1] x [-1, 1]: vectors on a lattice, blended in between. */
export type Warp = Float64Array;

const LATTICE = 4;

/** Longest piece of a stroke that is bent as a whole, in glyph units. */
const PIECE = 0.25;

export function line(...points: readonly number[]): Stroke {
  const pieces: number[] = [points[0], points[1]];
  for (let i = 2; i < points.length; i += 2) {
    const [x0, y0, x1, y1] = points.slice(i - 2, i + 2);
    const count = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / PIECE));
    for (let k = 1; k <= count; k++) pieces.push(x0 + ((x1 - x0) * k) / count, y0 + ((y1 - y0) * k) / count);
  }
  return pieces;
}

/** From one angle to another in degrees, clockwise from the right; the radius may change linearly on the way. */
export function arc(x: number, y: number, from: number, to: number, radius: number, lastRadius = radius): Stroke {
  const count = Math.max(2, Math.ceil((Math.abs(to - from) * Math.PI * Math.max(radius, lastRadius)) / 180 / PIECE));
  const points: number[] = [];
  for (let k = 0; k <= count; k++) {
    const angle = ((from + ((to - from) * k) / count) * Math.PI) / 180;
    const r = radius + ((lastRadius - radius) * k) / count;
    points.push(x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  return points;
}

/** @param strength standard deviation of the lattice vectors, in glyph units. */
export function randomWarp(random: Random, strength: number): Warp {
  return Float64Array.from({ length: 2 * LATTICE * LATTICE }, () => random.normal() * strength);
}

/** Moves each point as the warp does. Points outside the square move with its edge. */
export function bend(stroke: Stroke, warp: Warp): Stroke {
  const bent: number[] = [];
  for (let i = 0; i < stroke.length; i += 2) {
    const [left, tx] = cell(stroke[i]);
    const [top, ty] = cell(stroke[i + 1]);
    for (let axis = 0; axis < 2; axis++) {
      const at = 2 * (top * LATTICE + left) + axis;
      const upper = warp[at] + (warp[at + 2] - warp[at]) * tx;
      const lower = warp[at + 2 * LATTICE] + (warp[at + 2 * LATTICE + 2] - warp[at + 2 * LATTICE]) * tx;
      bent.push(stroke[i + axis] + upper + (lower - upper) * ty);
    }
  }
  return bent;
}

/** Lattice cell of a coordinate and the smoothed way through it (3 t^2 - 2 t^3). */
function cell(coordinate: number): readonly [index: number, way: number] {
  const place = (Math.min(Math.max(coordinate, -1), 1) + 1) * 0.5 * (LATTICE - 1);
  const index = Math.min(Math.floor(place), LATTICE - 2);
  const t = place - index;
  return [index, t * t * (3 - 2 * t)];
}

/** Each point (x, y) becomes (m0 x + m1 y + m2, m3 x + m4 y + m5). */
export function transform(stroke: Stroke, m: readonly number[]): Stroke {
  const moved: number[] = [];
  for (let i = 0; i < stroke.length; i += 2) {
    const x = stroke[i];
    const y = stroke[i + 1];
    moved.push(m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]);
  }
  return moved;
}

/**
 * Draws a round pen along a stroke given in pixels. Coverage falls from 1 to 0 over the pixel that the pen's edge
 * crosses. A pixel becomes coverage * ink where that is more than it has; with ink 0, which erases, it keeps at most
 * 1 - coverage.
 * @param radius of the pen, in pixels.
 */
export function draw(canvas: Canvas, stroke: Stroke, radius: number, ink: number): void {
  const { size, ink: pixels } = canvas;
  const reach = radius + 0.5;
  for (let i = 2; i < stroke.length; i += 2) {
    const x0 = stroke[i - 2];
    const y0 = stroke[i - 1];
    const dx = stroke[i] - x0;
    const dy = stroke[i + 1] - y0;
    const length = dx * dx + dy * dy;
    const inverse = length > 0 ? 1 / length : 0;
    const left = Math.max(0, Math.ceil(Math.min(x0, x0 + dx) - reach));
    const right = Math.min(size - 1, Math.floor(Math.max(x0, x0 + dx) + reach));
    const top = Math.max(0, Math.ceil(Math.min(y0, y0 + dy) - reach));
    const bottom = Math.min(size - 1, Math.floor(Math.max(y0, y0 + dy) + reach));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const t = Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) * inverse, 0), 1);
        const ex = x - x0 - t * dx;
        const ey = y - y0 - t * dy;
        const square = ex * ex + ey * ey;
        if (square >= reach * reach) continue;
        const coverage = Math.min(reach - Math.sqrt(square), 1);
        const at = y * size + x;
        if (ink === 0) pixels[at] = Math.min(pixels[at], 1 - coverage);
        else if (coverage * ink > pixels[at]) pixels[at] = coverage * ink;
      }
    }
  }
}

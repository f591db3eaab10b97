// rounding.ts: the weights of one group rounded with compensation, on the kernels of compensation.ts and descent.ts.
//
// The outputs' error under new weights v is E|(w - v)(x - E[x])|^2 = (w - v) H (w - v)^T with H the inputs' covariance:
// the mean error is the bias's to take away. With H = R R^T, R upper triangular, its terms are the squares of
// (w - v) R, so weight k can still make up for the errors of those before it:
//   t_k = w_k + sum over i < k of (w_i - v_i) R_ik / R_kk,   v_k = the level nearest to t_k.
// This is error feedback through U, the upper Cholesky factor of H^-1, since U = R^-1, without an inverse.
import { type Address, ShiftwiseError } from "../base/index.js";
import { createArena, type Room, RoundingJob } from "../engine/index.js";
import type { LevelTable, RowFits } from "../quantize/index.js";
import { PANEL, ROWS, TABLE, TABLES } from "./layout.js";

/** The states of a weight. */
export const FREE = 0;
export const ROUND = 1;
export const FIXED = 2;

/** The least share of the mean diagonal that is tried where damping is not enough. */
const LEAST_DAMPING = 1e-12;

export interface RoundingTask {
  /** rows x n, the values whose outputs are to be kept, and what `times` makes of them. */
  readonly target: Float64Array;
  readonly products: Float64Array;
  /** rows x n; every weight is rounded where there are none. A FREE one takes errors up, a FIXED one keeps `values`. */
  readonly states: Uint8Array | null;
  readonly values: Float64Array;
  /** 2 to 256 levels each. Weight = scale of its row times a level of the row's table. */
  readonly tables: readonly LevelTable[];
  /** Scale and table of every row. */
  readonly fits: RowFits;
  /** Fit the scales anew to the codes found, in the least squares sense; only where all weights are rounded. */
  readonly refit: boolean;
  /** The price of a weight that is not 0, in units of the error. */
  readonly price: number;
  /** Sweeps of coordinate descent after the compensated pass. */
  readonly sweeps: number;
}

export interface RoundingResult {
  /** rows x n. */
  readonly values: Float64Array;
  /** Indices into the row's table; 0 for a weight that is not rounded. */
  readonly codes: Uint8Array;
  readonly scales: Float64Array;
  /** (target - v) H (target - v)^T of each row, damping included, and the sum of them. */
  readonly errors: Float64Array;
  readonly error: number;
}

export interface Rounder {
  /** Takes up the inputs' covariance, n x n, damped by `damping` times its mean diagonal, and more where that is not enough. @throws BAD_DATA */
  prepare(covariance: Float64Array, damping: number): void;
  /**
   * The weights that come nearest, on the inputs that there are, to what w makes of the inputs that should be:
   * argmin over v of E|w x' - v x|^2 + damping |w - v|^2 = w + D (H + damping)^-1.
   * @param drift D_rj = Cov(w_r (x' - x), x_j), rows x n
   */
  follow(weights: Float64Array, drift: Float64Array): Float64Array;
  /** Returns weights H, damping included, for rows x n weights. */
  times(weights: Float64Array): Float64Array;
  round(task: RoundingTask): RoundingResult;
}

/**
 * Rounds problems of one size.
 * @param n inputs of one output.
 * @param room that it takes until another takes it
 * @throws OVERFLOW when two n x n matrices exceed 4 GiB.
 */
export function createRounder(n: number, room: Room): Rounder {
  const arena = createArena();
  const numbers = (count: number) => arena.reserve(count * 8);
  const [covariance, factor] = [0, 1].map(() => numbers(n * n));
  const [weights, errors, slopes, products] = [0, 1, 2, 3].map(() => numbers(ROWS * n));
  const [states, codes] = [0, 1].map(() => arena.reserve(ROWS * n));
  const scales = numbers(ROWS);
  const books = arena.reserve(ROWS);
  const [levels, midpoints] = [0, 1].map(() => numbers(TABLES * TABLE));
  const left = numbers(PANEL * (Math.max(n, ROWS) + 3));
  const right = numbers(PANEL * Math.max(PANEL, ROWS / 2));
  const places = {
    covariance,
    factor,
    weights,
    errors,
    slopes,
    products,
    states,
    codes,
    scales,
    books,
    levels,
    midpoints,
  };
  const job = arena.record(RoundingJob, { n, ...places, left, right });
  const { kernels, memory } = room(arena.size());
  arena.fill(memory.buffer);
  const doubles = (address: number, length: number) => new Float64Array(memory.buffer, address, length);
  const bytes = (address: number) => new Uint8Array(memory.buffer, address, ROWS * n);
  const block = {
    weights: doubles(weights, ROWS * n),
    errors: doubles(errors, ROWS * n),
    slopes: doubles(slopes, ROWS * n),
    products: doubles(products, ROWS * n),
    states: bytes(states),
    codes: bytes(codes),
    scales: doubles(scales, ROWS),
    books: new Uint8Array(memory.buffer, books, ROWS),
  };
  const order = new Uint32Array(n);

  /** Calls back for so many rows at a time; `at(k)` is where position k of a row stands. */
  const eachBlock = (length: number, visit: (first: number, count: number) => void) => {
    const rows = length / n;
    for (let first = 0; first < rows; first += ROWS) visit(first, Math.min(ROWS, rows - first));
  };
  /** Rows of a matrix into the kernels' memory, in their order, and back. */
  const load = <T extends Float64Array | Uint8Array>(into: T, from: T, first: number, count: number) => {
    for (let c = 0; c < count; c++) gather(from, (first + c) * n, order, into, c * n);
  };
  const unload = <T extends Float64Array | Uint8Array>(from: T, into: T, first: number, count: number) => {
    for (let c = 0; c < count; c++) scatter(from, c * n, order, into, (first + c) * n);
  };
  /** A matrix, [n][n], in the kernels' order. */
  const place = (given: Float64Array) => {
    const into = doubles(covariance, n * n);
    for (let k = 0; k < n; k++) gather(given, order[k] * n, order, into, k * n);
  };
  const addToDiagonal = (value: number) => {
    const h = doubles(covariance, n * n);
    for (let k = 0; k < n; k++) h[k * n + k] += value;
  };
  const rowsTimes = (matrix: Address, rows: Float64Array): Float64Array => {
    const result = new Float64Array(rows.length);
    eachBlock(rows.length, (first, count) => {
      load(block.weights, rows, first, count);
      kernels.multiplyRows(job, weights, matrix, products, count);
      unload(block.products, result, first, count);
    });
    return result;
  };

  return {
    prepare(given, damping) {
      let mean = 0;
      for (let i = 0; i < n; i++) mean += given[i * n + i] / n;
      if (!Number.isFinite(mean + damping)) {
        throw new ShiftwiseError("BAD_DATA", "inputs of a layer that are not finite", { where: "covariance" });
      }
      // inputs that never change leave all roundings equally good
      let added = mean > 0 ? damping * mean : 1;
      order.set(Array.from(order.keys()).sort((a, b) => given[b * n + b] - given[a * n + a]));
      place(given);
      addToDiagonal(added);
      const factored = () => {
        doubles(factor, n * n).set(doubles(covariance, n * n));
        return kernels.factorUpper(factor, n, left) < 0;
      };
      // inputs that hardly vary, as those of one image, leave a covariance of rounding errors, which need not be positive
      while (!factored()) {
        const more = Math.max(10 * added, LEAST_DAMPING * mean);
        addToDiagonal(more - added);
        added = more;
      }
    },

    follow(rows, drift) {
      if (drift.every((value) => value === 0)) return rows;
      const result = new Float64Array(rows.length);
      eachBlock(rows.length, (first, count) => {
        load(block.weights, drift, first, count);
        kernels.solveRows(job, weights, count);
        unload(block.weights, result, first, count);
      });
      for (let i = 0; i < rows.length; i++) result[i] += rows[i];
      return result;
    },

    times: (rows) => rowsTimes(covariance, rows),

    round({ target, products: whole, states: given, values, tables, fits, refit, price, sweeps }) {
      const result = Float64Array.from(values);
      const found = new Uint8Array(target.length);
      const fitted = Float64Array.from(fits.scales);
      const longest = Math.max(...tables.map((table) => table.levels.length));
      // behind the last level of a shorter table nothing is nearest
      doubles(midpoints, tables.length * TABLE).fill(Number.POSITIVE_INFINITY);
      for (const [t, table] of tables.entries()) {
        doubles(levels, TABLES * TABLE).set(table.levels, t * TABLE);
        doubles(midpoints, TABLES * TABLE).set(table.midpoints, t * TABLE);
      }
      const errors = new Float64Array(target.length / n);
      eachBlock(target.length, (first, count) => {
        load(block.weights, target, first, count);
        load(block.errors, result, first, count);
        load(block.products, whole, first, count);
        for (let i = 0; i < count * n; i++) block.errors[i] = block.weights[i] - block.errors[i];
        if (given) load(block.states, given, first, count);
        else block.states.fill(ROUND, 0, count * n);
        block.scales.set(fitted.subarray(first, first + count));
        block.books.set(fits.of.subarray(first, first + count));
        kernels.compensateRows(job, count, longest, price);
        for (let sweep = 0; sweep < sweeps; sweep++) {
          if (refit) kernels.rescaleRows(job, count);
          kernels.descendRows(job, count, longest, price);
        }
        if (refit) kernels.rescaleRows(job, count);
        for (let c = 0; c < count; c++) {
          const table = tables[fits.of[first + c]].levels;
          for (let i = c * n; i < (c + 1) * n; i++) {
            errors[first + c] += block.slopes[i] * block.errors[i];
            // a rounded weight is its level to the bit, which its error would not give back; errors become new weights
            const rounded = block.states[i] === ROUND;
            if (!rounded) block.codes[i] = 0;
            block.errors[i] = rounded ? block.scales[c] * table[block.codes[i]] : block.weights[i] - block.errors[i];
          }
        }
        unload(block.codes, found, first, count);
        unload(block.errors, result, first, count);
        fitted.set(block.scales.subarray(0, count), first);
      });
      given?.forEach((state, i) => {
        if (state === FIXED) result[i] = values[i];
      });
      return { values: result, codes: found, scales: fitted, errors, error: sumOf(errors) };
    },
  };
}

export const sumOf = (errors: Float64Array): number => errors.reduce((sum, error) => sum + error, 0);

// functions of their own, since those that every rounder made anew would be compiled anew, too

function gather<T extends Float64Array | Uint8Array>(
  from: T,
  at: number,
  order: Uint32Array,
  into: T,
  to: number,
): void {
  for (let k = 0; k < order.length; k++) into[to + k] = from[at + order[k]];
}

function scatter<T extends Float64Array | Uint8Array>(
  from: T,
  at: number,
  order: Uint32Array,
  into: T,
  to: number,
): void {
  for (let k = 0; k < order.length; k++) into[to + order[k]] = from[at + k];
}

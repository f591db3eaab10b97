// rounding.ts: the weights of one group rounded with compensation, on the kernels of compensation.ts.
//
// The outputs' error under new weights v is E|(w - v)(x - E[x])|^2 = (w - v) H (w - v)^T with H the inputs' covariance:
// the mean error is the bias's to take away. With H = R R^T, R upper triangular, its terms are the squares of
// (w - v) R, so weight k can still make up for the errors of those before it:
//   t_k = w_k + sum over i < k of (w_i - v_i) R_ik / R_kk,   v_k = the level nearest to t_k.
// This is error feedback through U, the upper Cholesky factor of H^-1, since U = R^-1, without an inverse.
import { type Address, ShiftwiseError } from "../base/index.js";
import { createArena, instantiate, RoundingJob } from "../engine/index.js";

/** The states of a weight. */
export const FREE = 0;
export const ROUND = 1;
export const FIXED = 2;

export interface RoundingTask {
  /** rows x n, the values whose outputs are to be kept. */
  readonly target: Float64Array;
  /** rows x n; every weight is rounded where there are none. A FREE one takes errors up, a FIXED one keeps `values`. */
  readonly states: Uint8Array | null;
  readonly values: Float64Array;
  /** Ascending, 2 to 256 of them. Weight = scale of its row times a level. */
  readonly levels: Float64Array;
  readonly scales: Float64Array;
  /** Fit the scales anew to the codes found, in the least squares sense; only where all weights are rounded. */
  readonly refit: boolean;
  /** Sweeps of coordinate descent after the compensated pass. */
  readonly sweeps: number;
}

export interface RoundingResult {
  /** rows x n. */
  readonly values: Float64Array;
  readonly codes: Uint8Array;
  readonly scales: Float64Array;
  /** Sum over rows of (target - v) H (target - v)^T, damping included. */
  readonly error: number;
}

export interface Rounder {
  /** Takes up the inputs' covariance, n x n, damped by `damping` times its mean diagonal, and more where that is not enough. @throws BAD_DATA */
  prepare(covariance: Float64Array, damping: number): void;
  /**
   * The weights that come nearest, on the inputs that there are, to what w makes of the inputs that should be:
   * argmin over v of E|w x' - v x|^2 + damping |w - v|^2 = w + w (C - H) (H + damping)^-1, C_ij = Cov(x'_i, x_j).
   */
  follow(weights: Float64Array, cross: Float64Array): Float64Array;
  round(task: RoundingTask): RoundingResult;
  /** Sum over rows of w H w^T, damping included: what `error` is held against. */
  energy(weights: Float64Array): number;
}

const BLOCK = 8;

/**
 * Room for one size of problem.
 * @param n inputs of one output.
 * @throws OVERFLOW when three n x n matrices exceed 4 GiB.
 */
export function createRounder(n: number, module: WebAssembly.Module): Rounder {
  const arena = createArena();
  const factor = arena.reserve(n * n * 8);
  // H_ki / H_kk, 0 on the diagonal
  const descent = arena.reserve(n * n * 8);
  const difference = arena.reserve(n * n * 8);
  const [weights, errors, room] = [0, 1, 2].map(() => arena.reserve(n * BLOCK * 8));
  const [states, codes] = [0, 1].map(() => arena.reserve(n * BLOCK));
  const scales = arena.reserve(BLOCK * 8);
  const [levels, midpoints] = [0, 1].map(() => arena.reserve(256 * 8));
  const job = arena.record(RoundingJob, { n, weights, errors, states, codes, scales, levels, midpoints, room });
  const { kernels, memory } = instantiate(module, arena.size());
  arena.fill(memory.buffer);
  const doubles = (address: number, length: number) => new Float64Array(memory.buffer, address, length);
  const bytes = (address: number, length: number) => new Uint8Array(memory.buffer, address, length);
  const block = {
    weights: doubles(weights, n * BLOCK),
    errors: doubles(errors, n * BLOCK),
    room: doubles(room, n * BLOCK),
    states: bytes(states, n * BLOCK),
    codes: bytes(codes, n * BLOCK),
    scales: doubles(scales, BLOCK),
  };
  const order = new Uint32Array(n);
  const diagonal = new Float64Array(n);
  let original = new Float64Array(0);

  /** Calls back for every 8 rows; `at(k, c)` is where position k of the block's row c stands in a rows x n matrix. */
  const eachBlock = (
    rows: number,
    visit: (first: number, count: number, at: (k: number, c: number) => number) => void,
  ) => {
    for (let first = 0; first < rows; first += BLOCK) {
      visit(first, Math.min(BLOCK, rows - first), (k, c) => (first + c) * n + order[k]);
    }
  };
  const load = (
    into: Float64Array | Uint8Array,
    from: ArrayLike<number>,
    count: number,
    at: (k: number, c: number) => number,
  ) => {
    into.fill(0);
    for (let k = 0; k < n; k++) for (let c = 0; c < count; c++) into[k * BLOCK + c] = from[at(k, c)];
  };
  /** room = H x for a block x, by H_ki = H_kk (1 at i = k, else descent_ki). */
  const timesH = (address: Address): void => {
    kernels.multiplyBlock(descent, n, address, room);
    const x = doubles(address, n * BLOCK);
    for (let i = 0; i < n * BLOCK; i++) block.room[i] = diagonal[i >> 3] * (block.room[i] + x[i]);
  };

  return {
    prepare(covariance, damping) {
      let mean = 0;
      for (let i = 0; i < n; i++) mean += covariance[i * n + i] / n;
      if (!Number.isFinite(mean)) {
        throw new ShiftwiseError("BAD_DATA", "inputs of a layer that are not finite", { where: "covariance" });
      }
      // inputs that never change leave all roundings equally good
      let added = mean > 0 ? damping * mean : 1;
      const byFall = Array.from({ length: n }, (_, i) => i).sort(
        (a, b) => covariance[b * n + b] - covariance[a * n + a],
      );
      order.set(byFall);
      original = Float64Array.from(covariance);
      const h = doubles(factor, n * n);
      const f = doubles(descent, n * n);
      const factorWithAdded = () => {
        for (let k = 0; k < n; k++) {
          diagonal[k] = covariance[order[k] * n + order[k]] + added;
          for (let i = 0; i < n; i++) {
            const value = covariance[order[k] * n + order[i]];
            h[k * n + i] = i === k ? diagonal[k] : value;
            f[k * n + i] = i === k ? 0 : value / diagonal[k];
          }
        }
        return kernels.factorUpper(factor, n) < 0;
      };
      // inputs that hardly vary, as those of one image, leave a covariance of rounding errors, which need not be positive
      while (!factorWithAdded()) added *= 10;
    },

    follow(rows, cross) {
      // transposed: row k has (C - H)_ik over i
      const d = doubles(difference, n * n);
      for (let k = 0; k < n; k++) {
        for (let i = 0; i < n; i++) {
          const at = order[i] * n + order[k];
          d[k * n + i] = cross[at] - original[at];
        }
      }
      const result = Float64Array.from(rows);
      eachBlock(rows.length / n, (_, count, at) => {
        load(block.weights, rows, count, at);
        kernels.multiplyBlock(difference, n, weights, errors);
        kernels.solveBlock(factor, n, errors);
        for (let k = 0; k < n; k++) for (let c = 0; c < count; c++) result[at(k, c)] += block.errors[k * BLOCK + c];
      });
      return result;
    },

    energy(rows) {
      let sum = 0;
      eachBlock(rows.length / n, (_, count, at) => {
        load(block.errors, rows, count, at);
        timesH(errors);
        for (let i = 0; i < n * BLOCK; i++) sum += block.room[i] * block.errors[i];
      });
      return sum;
    },

    round({ target, states: given, values, levels: table, scales: start, refit, sweeps }) {
      const rows = start.length;
      const result = Float64Array.from(values);
      const found = new Uint8Array(rows * n);
      const fitted = Float64Array.from(start);
      doubles(levels, table.length).set(table);
      doubles(midpoints, table.length - 1).set(Array.from(table.subarray(1), (level, i) => (level + table[i]) / 2));
      let error = 0;
      eachBlock(rows, (first, count, at) => {
        load(block.weights, target, count, at);
        load(block.errors, result, count, at);
        for (let i = 0; i < n * BLOCK; i++) block.errors[i] = block.weights[i] - block.errors[i];
        // lanes beyond the last row are fixed at 0
        block.states.fill(FIXED);
        for (let k = 0; k < n; k++) {
          for (let c = 0; c < count; c++) block.states[k * BLOCK + c] = given ? given[at(k, c)] : ROUND;
        }
        block.scales.fill(1).set(fitted.subarray(first, first + count));
        const pass = (feedback: Address, whole: 0 | 1) => kernels.roundBlock(job, feedback, whole, table.length);
        pass(factor, 0);
        for (let sweep = 0; sweep < sweeps; sweep++) {
          if (refit) rescale(count);
          pass(descent, 1);
        }
        if (refit) rescale(count);
        timesH(errors);
        for (let i = 0; i < n * BLOCK; i++) error += block.room[i] * block.errors[i];
        for (let k = 0; k < n; k++) {
          for (let c = 0; c < count; c++) {
            found[at(k, c)] = block.codes[k * BLOCK + c];
            const i = k * BLOCK + c;
            // a rounded weight is its level to the bit, which its error would not give back
            if (block.states[i] === ROUND) result[at(k, c)] = block.scales[c] * table[block.codes[i]];
            else if (block.states[i] === FREE) result[at(k, c)] = block.weights[i] - block.errors[i];
          }
        }
        fitted.set(block.scales.subarray(0, count), first);
      });
      return { values: result, codes: found, scales: fitted, error };

      /** scale = (l H w) / (l H l) for the levels l that a row has, and the errors that it leaves. */
      function rescale(count: number): void {
        for (let i = 0; i < n * BLOCK; i++) block.errors[i] = table[block.codes[i]];
        timesH(errors);
        for (let c = 0; c < count; c++) {
          let product = 0;
          let square = 0;
          for (let i = c; i < n * BLOCK; i += BLOCK) {
            product += block.room[i] * block.weights[i];
            square += block.room[i] * block.errors[i];
          }
          if (square > 0 && product > 0) block.scales[c] = product / square;
        }
        for (let i = 0; i < n * BLOCK; i++) {
          block.errors[i] = block.states[i] === ROUND ? block.weights[i] - block.scales[i & 7] * block.errors[i] : 0;
        }
      }
    },
  };
}

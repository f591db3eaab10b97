// row-rounder.ts: a rounder whose rows are shared by the threads of a crew: rows of one matrix do not depend on one another.
import { joined } from "../base/index.js";
import type { Crew } from "./crew.js";
import { type Rounder, type RoundingResult, type RoundingTask, sumOf } from "./rounding.js";

/** A Rounder whose answers take a while. */
export type RowRounder = {
  readonly [K in keyof Rounder]: (...given: Parameters<Rounder[K]>) => Promise<ReturnType<Rounder[K]>>;
};

/** Work from which on threads share it: rows times the square of their length. */
const WORTH = 3e7;

/**
 * Makes rounders for parts of layers.
 * @param threads of the crew that have begun
 * @param local makes one for this thread
 */
export function rowRounders(
  crew: Crew,
  threads: number,
  local: (n: number) => Rounder,
): (rows: number, n: number) => RowRounder {
  return (rows, n) => (threads > 1 && rows * n * n >= WORTH ? sharedRounder(crew, threads, n) : alone(local(n)));
}

const alone = (rounder: Rounder): RowRounder => ({
  prepare: async (covariance, damping) => rounder.prepare(covariance, damping),
  follow: async (weights, drift) => rounder.follow(weights, drift),
  times: async (weights) => rounder.times(weights),
  round: async (task) => rounder.round(task),
});

function sharedRounder(crew: Crew, threads: number, n: number): RowRounder {
  /** Asks each thread for its share of so many rows: those from first to last. */
  const share = <T>(rows: number, ask: (thread: number, first: number, last: number) => Promise<T>): Promise<T[]> => {
    const used = Math.min(threads, rows);
    const start = (thread: number) => Math.floor((thread * rows) / used);
    return Promise.all(Array.from({ length: used }, (_, t) => ask(t, start(t), start(t + 1))));
  };
  /** Copies some rows, since what is sent takes the whole buffer along. */
  const some = <T extends Float64Array | Uint8Array>(all: T, first: number, last: number) =>
    all.slice(first * n, last * n) as T;
  return {
    async prepare(covariance, damping) {
      await share(threads, (t) => crew.ask(t, { kind: "prepare", n, covariance, damping }));
    },
    async follow(weights, drift) {
      if (drift.every((value) => value === 0)) return weights;
      const found = await share(weights.length / n, (t, first, last) =>
        crew.ask<Float64Array>(t, {
          kind: "follow",
          weights: some(weights, first, last),
          drift: some(drift, first, last),
        }),
      );
      return joined(Float64Array, found);
    },
    async times(weights) {
      const found = await share(weights.length / n, (t, first, last) =>
        crew.ask<Float64Array>(t, { kind: "times", weights: some(weights, first, last) }),
      );
      return joined(Float64Array, found);
    },
    async round(task: RoundingTask): Promise<RoundingResult> {
      const { target, products, states, values, fits } = task;
      const found = await share(target.length / n, (t, first, last) =>
        crew.ask<RoundingResult>(t, {
          kind: "round",
          task: {
            ...task,
            target: some(target, first, last),
            products: some(products, first, last),
            states: states && some(states, first, last),
            values: some(values, first, last),
            fits: { scales: fits.scales.slice(first, last), of: fits.of.slice(first, last) },
          },
        }),
      );
      const all = (key: "values" | "scales" | "errors"): Float64Array => {
        const parts = found.map((part) => part[key]);
        return joined(Float64Array, parts);
      };
      const codes = found.map((part) => part.codes);
      const errors = all("errors");
      return {
        values: all("values"),
        codes: joined(Uint8Array, codes),
        scales: all("scales"),
        errors,
        error: sumOf(errors),
      };
    },
  };
}

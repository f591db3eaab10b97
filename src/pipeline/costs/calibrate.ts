// calibrate.ts: a cost table for this machine: random models are timed step by step, and prices fitted to the times.
import { createRandom, ShiftwiseError } from "../../base/index.js";
import { pause } from "../../engine/index.js";
import type { ModelDef } from "../../model/index.js";
import { elements } from "../../ops/index.js";
import { type Inputs, Model } from "../../runtime/index.js";
import { median } from "../measure.js";
import { FEATURE_NAMES } from "./features.js";
import { fitPrices, type Sample } from "./fit.js";
import { priceOf } from "./predict.js";
import { probeModels } from "./probes.js";
import { type StepCounts, stepCounts } from "./steps.js";
import type { CostTable } from "./table.js";

/** The length of a calibration, and its callbacks. */
export interface CalibrationControl {
  readonly signal?: AbortSignal;
  /** The share that is done, 0..1. */
  readonly onProgress?: (share: number) => void | Promise<void>;
  /** Random models. Every seventh is held out to measure the error. Default 120. */
  readonly models?: number;
  /** Timed runs of each. Default 40. */
  readonly rounds?: number;
  readonly seed?: number;
}

/**
 * The error of a table on steps that it was not fitted on.
 * @internal
 */
export interface CostError {
  readonly steps: number;
  /** The median, and the value that nine of ten stay below: shares of a step's measured time. */
  readonly median: number;
  readonly ninetieth: number;
  /** The same median over whole models. */
  readonly models: number;
}

/**
 * The result of a calibration.
 * @internal
 */
export interface Calibration {
  readonly table: CostTable;
  readonly error: CostError;
}

/** A step with its measured time. */
export interface TimedStep extends StepCounts {
  /** Nanoseconds. */
  readonly time: number;
}

/** Every so many models one is held out. */
const HELD_OUT = 7;
/** The share of a calibration's time that making the models takes, about. */
const LOADING = 0.2;
/** Nanoseconds of the steps whose error counts: a shorter one takes no part of any model's time, and is measured by few ticks. */
const SHORTEST = 5000;
/** Runs of each model before those that count. */
const WARM_UP = 12;

/**
 * Times random models on this machine's kernels, one thread, and fits the price of every unit of work.
 * @throws ABORTED; what Model.from throws where the kernels do not run
 * @internal
 */
export async function calibrateCosts(control: CalibrationControl = {}): Promise<Calibration> {
  const { models: count = 120, rounds = 40, seed = 1 } = control;
  const models = await timeModels(probeModels(count, seed), count, { ...control, rounds });
  const isHeldOut = (_: unknown, i: number): boolean => i % HELD_OUT === HELD_OUT - 1;
  const fitted = models.filter((one, i) => !isHeldOut(one, i)).flat();
  const prices = fitPrices(fitted.map(sampleOf), FEATURE_NAMES);
  const table = tableOf(prices);
  const error = errorOf(models.filter(isHeldOut), table);
  // what is shipped knows all models
  return { table: tableOf(fitPrices(models.flat().map(sampleOf), FEATURE_NAMES)), error };
}

const sampleOf = ({ counts, time }: TimedStep): Sample => ({ counts, time });

function tableOf(prices: ReadonlyMap<string, number>): CostTable {
  const rounded = FEATURE_NAMES.map((name) => [name, Number(prices.get(name)!.toPrecision(4))]);
  return { machine: hostName(), nanoseconds: Object.fromEntries(rounded) };
}

/** The engine, and the day. */
function hostName(): string {
  const { process, navigator } = globalThis as {
    process?: { version?: string; arch?: string };
    navigator?: { userAgent?: string };
  };
  const engine = process?.version ? `Node ${process.version}, ${process.arch}` : (navigator?.userAgent ?? "unknown");
  return `${engine}, ${new Date().toISOString().slice(0, 10)}`;
}

/** Compares predicted with measured times of steps, and of whole models. */
export function errorOf(models: readonly (readonly TimedStep[])[], table: CostTable): CostError {
  const steps = models.flat().filter(({ time }) => time >= SHORTEST);
  const sorted = steps
    .map(({ counts, time }) => Math.abs((1e6 * priceOf(counts, table)) / time - 1))
    .sort((a, b) => a - b);
  const whole = models.map((steps) => {
    const [predicted, measured] = [
      (step: TimedStep) => 1e6 * priceOf(step.counts, table),
      (step: TimedStep) => step.time,
    ];
    const sum = (of: (step: TimedStep) => number): number => steps.reduce((total, step) => total + of(step), 0);
    return Math.abs(sum(predicted) / sum(measured) - 1);
  });
  return {
    steps: sorted.length,
    median: median(Float64Array.from(sorted)),
    ninetieth: sorted[Math.floor(0.9 * (sorted.length - 1))],
    models: median(Float64Array.from(whole)),
  };
}

/**
 * Times every step of some models, in turns, so that whatever else the machine does hits all of them alike. Each time is the
 * lower quartile of its runs: other programs only lengthen them.
 * @param count how many models there are
 * @throws ABORTED
 */
export async function timeModels(
  defs: Iterable<ModelDef>,
  count: number,
  { signal, onProgress, rounds }: CalibrationControl & { readonly rounds: number },
): Promise<readonly (readonly TimedStep[])[]> {
  const breathe = async (share: number): Promise<void> => {
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while calibrating");
    await onProgress?.(share);
    await pause();
  };
  const running: { model: Model; inputs: Inputs; steps: readonly StepCounts[]; times: Float64Array[] }[] = [];
  try {
    for (const def of defs) {
      const model = await Model.from(def, { executor: "wasm" });
      const inputs = randomInputs(model);
      const steps = stepCounts(def);
      running.push({ model, inputs, steps, times: steps.map(() => new Float64Array(rounds)) });
      await breathe((LOADING * running.length) / count);
    }
    const runs = (rounds + WARM_UP) * running.length;
    let done = 0;
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const { model, inputs, times } of running) {
        // the run before brings the model's own memory back
        model.runSync(inputs);
        const profile = model.profile(inputs);
        if (round >= 0) for (const [i, { milliseconds }] of profile.entries()) times[i][round] = 1e6 * milliseconds;
        await breathe(LOADING + ((1 - LOADING) * ++done) / runs);
      }
    }
    return running.map(({ steps, times }) => steps.map((step, i) => ({ ...step, time: lowerQuartile(times[i]) })));
  } finally {
    for (const { model } of running) model.dispose();
  }
}

function lowerQuartile(times: Float64Array): number {
  return times.slice().sort()[times.length >> 2];
}

/** Normal values, the same in every run. */
function randomInputs(model: Model): Inputs {
  const random = createRandom(1);
  return Object.fromEntries(
    model.inputs.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: elements(shape) }, () => 6 * Math.abs(random.normal())),
    ]),
  );
}

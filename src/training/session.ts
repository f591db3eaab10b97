// session.ts: the one training loop: stages of epochs of steps, from any position, with checkpoints on the way.

import { createRandom, ShiftwiseError } from "../base/index.js";
import { countBatches } from "../data/browser.js";
import {
  type Aim,
  compileModule,
  type ParameterLayout,
  parameterLayout,
  pause,
  readParameters,
  readStatistics,
  writeParameters,
} from "../engine/index.js";
import type { Network } from "../graph/index.js";
import type { WeightGrids } from "../ops/index.js";
import { aimsOf } from "./aims.js";
import {
  type Checkpoint,
  copyParameters,
  type EpochRecord,
  loadCheckpoint,
  type Position,
  saveCheckpoint,
} from "./checkpoint.js";
import { checkFinite, checkLoss, place } from "./divergence.js";
import { classesOf, type LearningSet, lessonCount, lessons } from "./lessons.js";
import { type CommonOptions, type Control, checkCommon, runRecord } from "./options.js";
import { createProgress } from "./progress.js";
import { createPruningMask, type PruningMask } from "./pruning-mask.js";
import { rateFactor } from "./rate-schedule.js";
import { createNormUpdate, type NormUpdate } from "./running-statistics.js";
import { createOptimizer, type Optimizer } from "./sgd.js";
import { createPool, type Pool, type PoolResult } from "./worker-pool.js";

/** A part of a run with a schedule and a momentum of its own. */
export interface Stage {
  readonly epochs: number;
  /** Epochs that its schedule has done before and has in all; its own alone where this is absent. */
  readonly annealed?: { readonly from: number; readonly of: number };
  /** Called once when the stage begins, never when it is resumed: changes the network's weights, returns the new masks. */
  begin(grids: WeightGrids | null): Promise<WeightGrids | null> | WeightGrids | null;
  /** Weights to cut by the end of the stage, by node name. */
  readonly cut?: ReadonlyMap<string, number>;
  /**
   * Changes the copy of the parameters that the forward pass sees: called when the stage begins and ends, and after every
   * step, with the gradient that the optimizer has just taken up.
   */
  project?(values: Float32Array, layout: ParameterLayout, update: Update | null): void;
  /** Called when its last epoch is over. What it measures is remembered. */
  end?(session: Session): Promise<number | null>;
}

/** A step of the optimizer: its gradient, ordered as the parameters, and its rate. */
export interface Update {
  readonly gradient: Float32Array;
  readonly rate: number;
}

/** The state that a stage's end may use. */
export interface Session {
  readonly network: Network;
  readonly set: LearningSet;
  readonly options: CommonOptions;
  readonly pool: Pool;
  readonly norms: NormUpdate;
}

export interface RunResult {
  readonly history: readonly EpochRecord[];
  /** The measurements at the end of each stage. */
  readonly tests: readonly (number | null)[];
  readonly grids: WeightGrids | null;
}

const STEPS_BETWEEN_CUTS = 16;
/** Share of what is cut in the end that is cut at a moment 0..1 of a stage: much at first, the last weights slowly. */
const cutShare = (moment: number): number => 1 - (1 - moment) ** 3;
const START: Position = {
  stage: 0,
  epoch: 0,
  step: 0,
  loss: 0,
  correct: 0,
  firstLoss: null,
  seconds: 0,
  history: [],
  tests: [],
};

/**
 * Runs the stages. The network is changed in place: at every checkpoint, at the end of every epoch and at the end.
 * @param record what decides the stages, for the checkpoint.
 * @throws BAD_OPTION, BAD_DATA before anything is changed; ABORTED; DIVERGED with epoch, step and layer; IO.
 */
export async function runStages(
  network: Network,
  set: LearningSet,
  options: CommonOptions,
  stages: readonly Stage[],
  record: Record<string, unknown>,
  control: Control,
): Promise<RunResult> {
  checkCommon(network, set, options);
  const layout = parameterLayout(network);
  const { checkpoint } = options;
  const run = checkpoint ? runRecord(network, set, options, record) : {};
  const { batchSize, average } = options;
  const steps = countBatches(lessonCount(set), { batchSize, shuffle: true });
  const plan = { stages, steps, batchSize, averaging: average !== undefined };
  const saved = checkpoint?.resume ? await loadCheckpoint(checkpoint.path, run, layout, plan) : null;
  const module = compileModule();
  const threads = options.threads ?? 1;
  const optimizer = createOptimizer(module, layout, {
    momentum: options.momentum ?? 0.9,
    nesterov: options.nesterov ?? false,
    weightDecay: options.weightDecay ?? 0,
    groups: options.groups ?? [],
    clip: options.clip ?? Number.POSITIVE_INFINITY,
    average: options.average ?? null,
  });
  const pool = createPool(network, {
    batch: options.batchSize,
    threads,
    gradients: true,
    module,
    teacher: options.distill?.teacher ?? null,
  });
  try {
    const norms = createNormUpdate(network, layout, pool.shared);
    const state: State = {
      network,
      set,
      options,
      control,
      run,
      layout,
      optimizer,
      pool,
      norms,
      aims: aimsOf(network, set, options.distill),
      stages,
      pruningMask: null,
    };
    return await runFrom(state, saved);
  } finally {
    await pool.close();
  }
}

interface State extends Session {
  readonly control: Control;
  readonly run: Record<string, string>;
  readonly layout: ParameterLayout;
  readonly optimizer: Optimizer;
  /** The aims of a network that ends in no logits and has a teacher alone. */
  readonly aims: readonly Aim[] | null;
  readonly stages: readonly Stage[];
  /** The mask of the stage that runs. */
  pruningMask: PruningMask | null;
}

/** Optimizer and shared statistics to the network. */
function writeBack({ layout, optimizer, norms }: State): void {
  writeParameters(layout, optimizer.parameters);
  norms.writeBack();
}

/** The network to the optimizer, running statistics to all shards. */
function takeUp({ layout, optimizer, pool }: State): void {
  readParameters(layout, optimizer.parameters);
  readStatistics(layout, pool.shared.runningMean, pool.shared.runningVariance);
}

/** The optimizer's parameters to all shards, the cut ones as zeros, and as the stage wants them seen. */
function handOut({ layout, optimizer, pool, pruningMask }: State, stage: Stage, update: Update | null): void {
  pool.shared.parameters.set(optimizer.parameters);
  pruningMask?.apply(pool.shared.parameters);
  stage.project?.(pool.shared.parameters, layout, update);
}

async function runFrom(state: State, saved: Checkpoint | null): Promise<RunResult> {
  const { network, layout, optimizer, stages } = state;
  let grids = saved?.grids ?? null;
  let position = saved?.position ?? START;
  if (saved) copyParameters(saved.network, network);
  for (let index = position.stage; index < stages.length; index++) {
    const stage = stages[index];
    // checkpoints are of moments after a stage's beginning, so a resumed one is not begun twice
    const resumed = saved !== null && index === saved.position.stage;
    if (!resumed) grids = await stage.begin(grids);
    state.pruningMask = stage.cut ? createPruningMask(layout, stage.cut) : null;
    if (resumed && saved.kept) state.pruningMask?.kept.set(saved.kept);
    takeUp(state);
    handOut(state, stage, null);
    optimizer.freeze(grids);
    if (resumed) optimizer.restore(saved.velocity, saved.average);
    else optimizer.restart();
    for (let epoch = position.epoch; epoch < stage.epochs; epoch++) {
      position = await runEpoch(state, grids, { ...position, stage: index, epoch });
    }
    if (stage.epochs > 0) optimizer.takeAverage();
    state.pruningMask?.finish(optimizer.parameters);
    state.pruningMask?.apply(optimizer.parameters);
    handOut(state, stage, null);
    writeBack(state);
    const measured = (await stage.end?.(state)) ?? null;
    const tests = [...position.tests, measured];
    position = { ...position, stage: index + 1, epoch: 0, firstLoss: null, tests };
  }
  const { history, tests } = position;
  return { history, tests, grids };
}

const countEpochs = (stages: readonly Stage[]): number => stages.reduce((sum, { epochs }) => sum + epochs, 0);

/** Runs what is left of an epoch; returns the position at the start of the next one. */
async function runEpoch(state: State, grids: WeightGrids | null, from: Position): Promise<Position> {
  const { network, set, options, control, run, optimizer, pool, norms, stages } = state;
  const stage = stages[from.stage];
  const order = {
    batchSize: options.batchSize,
    shuffle: true,
    seed: options.seed ?? 1,
    epoch: countEpochs(stages.slice(0, from.stage)) + from.epoch,
    ...(options.augment && { augment: options.augment }),
  };
  const steps = countBatches(lessonCount(set), order);
  const progress = createProgress(from, {
    steps,
    epochs: stage.epochs,
    stages: stages.length,
    epochsInAll: countEpochs(stages),
    epochsBefore: order.epoch,
  });
  const kind = options.batchNorm === "frozen" ? "frozen" : "train";
  const threads = options.threads ?? 1;
  const soft = options.distill
    ? { temperature: options.distill.temperature ?? 2, share: options.distill.share ?? 1, aims: state.aims }
    : null;
  const every = (options.checkpoint?.everySeconds ?? 60) * 1000;
  let lastSave = performance.now();
  const save = async (position: Position): Promise<void> => {
    if (!options.checkpoint) return;
    writeBack(state);
    await saveCheckpoint(options.checkpoint.path, {
      network,
      grids,
      velocity: optimizer.velocity,
      average: optimizer.average,
      kept: state.pruningMask?.kept ?? null,
      position,
      run,
    });
    lastSave = performance.now();
  };

  const classes = classesOf(network, set);
  const source = lessons(network, set, order, from.step);
  let next = source.next();
  while (!next.done) {
    if (control.signal?.aborted) {
      await save(progress.position());
      writeBack(state);
      throw new ShiftwiseError("ABORTED", "training was stopped", {
        where: place(progress.position()),
        ...(options.checkpoint && { found: `checkpoint in ${options.checkpoint.path}` }),
      });
    }
    const { values, labels } = next.value;
    const seed =
      (createRandom(order.seed).uint32() + Math.imul(order.epoch * steps + progress.position().step, threads)) >>> 0;
    const running = pool.run(values, labels, { kind, smoothing: options.labelSmoothing ?? 0, seed, soft });
    // the shards have their copies: the next batch is made while they work
    next = source.next();
    const result = await running;
    const position = progress.position();
    checkLoss(result, position, state.aims ? 1 : Math.log(classes));
    const elapsed = position.epoch + position.step / steps;
    const { from: before, of } = stage.annealed ?? { from: 0, of: stage.epochs };
    const rate = options.learningRate * rateFactor(options.schedule ?? { kind: "constant" }, before + elapsed, of);
    sumGradients(optimizer, result);
    optimizer.step(rate);
    if (kind === "train") norms.update(result.shards);
    if ((position.epoch * steps + position.step) % STEPS_BETWEEN_CUTS === 0) {
      state.pruningMask?.update(optimizer.parameters, cutShare(elapsed / stage.epochs));
    }
    handOut(state, stage, { gradient: optimizer.gradient, rate });
    progress.add(result.loss, result.correct, labels.length);
    await control.onProgress?.(progress.progress(rate));
    if (options.checkpoint && performance.now() - lastSave >= every) {
      checkFinite(optimizer, position);
      await save(progress.position());
    }
    await pause();
  }
  checkFinite(optimizer, progress.position());
  writeBack(state);
  const position = progress.finish();
  await save(position);
  return position;
}

/** Sums gradients in the shards' order, whichever was ready first. */
function sumGradients(optimizer: Optimizer, { shards }: PoolResult): void {
  for (const [i, { memory }] of shards.entries()) {
    if (i === 0) optimizer.setGradient(memory.gradients);
    else optimizer.addGradient(memory.gradients);
  }
}

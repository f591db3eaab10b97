// drift.ts: what a layer's weights make of what its inputs have lost, and how that varies with the inputs that there are.
import { type Address, type Pointer, plus, roundUp } from "../base/index.js";
import {
  type Arena,
  type Geometry,
  MomentJob,
  PanelJob,
  type Pass,
  panelScratch,
  type TrainingKernels,
} from "../engine/index.js";

/** Some of the output positions of a block of images, whose sums are added up. */
export interface Positions {
  /** Byte offsets of their first taps. */
  readonly inputs: Uint32Array;
  /** The same as runs, see gemmRuns. */
  readonly runs: Address;
}

/** The planned sums of one group after the other. */
export interface Drift {
  /** To be called once, when the memory is there. */
  pack(kernels: TrainingKernels): void;
  /**
   * Adds y x^T and y over some positions, y what the group's weights make of the difference.
   * @param difference padded planes of the group: what inputs should be, less what they are
   * @param planes padded planes of what they are
   */
  add(
    kernels: TrainingKernels,
    group: number,
    difference: Address,
    planes: Address,
    phase: number,
    count: number,
  ): void;
  /** float32 sums, [groups][rows / 8][depth][8] with depth rounded up to 8, and float64 sums of y, [groups][rows]. */
  readonly sums: Address;
  readonly groupFloats: number;
  readonly totals: Address;
}

/**
 * Plans the sums, in network order, of a layer that is to make up for what those before it have lost.
 * @param weight (outputs, inputs of one output)
 * @param job of the layer's inputs, and what it was made of
 * @param phases lists of positions that `add` chooses from
 */
export function planDrift(
  arena: Arena,
  { groups, groupOutputs: rows }: Geometry,
  { taps, columns }: Pick<Pass, "taps" | "columns">,
  weight: Float32Array,
  job: Pointer<MomentJob>,
  { taps: tapTable, scratch }: { readonly taps: Address; readonly scratch: Address },
  phases: readonly Positions[],
): Drift {
  const depth = taps.length;
  const most = Math.max(...phases.map(({ inputs }) => inputs.length));
  const rowBytes = depth * 4;
  const groupPacked = roundUp(rows, 4) * rowBytes;
  const [weights, columnTable] = [arena.table(weight), arena.table(columns)];
  const packed = arena.reserve(groups * groupPacked);
  const noBias = arena.reserve(roundUp(rows, 4) * 4);
  const y = arena.reserve(rows * most * 4);
  const outputs = arena.table(Uint32Array.from({ length: most }, (_, p) => 4 * p));
  const runsY = arena.table([0, most, 4]);
  const room = arena.reserve(panelScratch({ taps }, rows));
  const jobs = phases.map(({ inputs }) =>
    arena.record(PanelJob, {
      ...{ taps: tapTable, inputs: arena.table(inputs), outputs, depth, rows },
      ...{ stride: most * 4, accumulate: 0, scratch: room },
    }),
  );
  const rowTaps = arena.table(Array.from({ length: roundUp(rows, 8) }, (_, m) => Math.min(m, rows - 1) * most * 4));
  const jobY = arena.record(MomentJob, { taps: rowTaps, depth: rows, scratch });
  const groupFloats = roundUp(rows, 8) * roundUp(depth, 8);
  const sums = arena.reserve(groups * groupFloats * 4);
  const totals = arena.reserve(groups * rows * 8);
  return {
    pack(k) {
      for (let group = 0; group < groups; group++) {
        const from = plus(weights, group * rows * rowBytes);
        k.packRows(from, rowBytes, columnTable, rows, depth, plus(packed, group * groupPacked));
      }
    },
    add(k, group, difference, planes, phase, count) {
      k.convPanels(jobs[phase], difference, count, plus(packed, group * groupPacked), noBias, y);
      k.crossSums(job, planes, phases[phase].runs, jobY, y, runsY, count, plus(sums, group * groupFloats * 4));
      k.tapSums(jobY, y, runsY, count, plus(totals, group * rows * 8));
    },
    ...{ sums, groupFloats, totals },
  };
}

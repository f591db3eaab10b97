// panels.ts: what the products of a convolution share: tables in memory, packed weights, padded planes.
import { type Address, plus, roundUp } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import type { Arena } from "./arena.js";
import { plane, volume } from "./layer.js";
import type { PaddedPlane, Pass } from "./tables.js";
import { PaddingJob, PanelJob } from "./wasm.generated.js";
import type { TrainingKernels } from "./wasm.js";

/** The sizes of a product of panels for each group of a convolution. */
export interface PanelGroups {
  readonly groups: number;
  readonly rows: number;
  /** Bytes from one row of the weights to the next, and from the rows of one group to those of the next. */
  readonly rowBytes: number;
  readonly groupWeights: number;
  /** Four of each row, rounded up to 4; bytes from one group's to the next's. */
  readonly bias: Address;
  readonly groupBias: number;
  /** Shapes of the planes that are read, padding included, and of those that are written, of one group. */
  readonly from: Shape;
  readonly to: Shape;
}

export interface Panels {
  /** Packs the weights, for every batch anew. */
  pack(k: TrainingKernels, weight: Address): void;
  /** @param planes padded */
  run(k: TrainingKernels, planes: Address, y: Address, images: number): void;
}

/** Bytes of scratch that a product takes. */
export const panelScratch = ({ taps }: Pick<Pass, "taps">, rows: number): number => (taps.length + rows) * 32 + 64;

/** @param images that the tables of the pass are for */
export function planPanels(
  arena: Arena,
  pass: Pass,
  images: number,
  accumulate: 0 | 1,
  room: Address,
  { groups, rows, rowBytes, groupWeights, bias, groupBias, from, to }: PanelGroups,
): Panels {
  const depth = pass.taps.length;
  const groupPacked = roundUp(rows, 4) * depth * 4;
  const packed = arena.reserve(groups * groupPacked);
  const columns = arena.table(pass.columns);
  const job = arena.record(PanelJob, {
    taps: arena.table(pass.taps),
    inputs: arena.table(pass.inputs),
    outputs: arena.table(pass.outputs),
    depth,
    rows,
    stride: plane(to) * 4,
    accumulate,
    scratch: room,
  });
  const pixels = pass.inputs.length / images;
  return {
    pack(k, weight) {
      for (let group = 0; group < groups; group++) {
        const w = plus(weight, group * groupWeights);
        k.packRows(w, rowBytes, columns, rows, depth, plus(packed, group * groupPacked));
      }
    },
    run(k, planes, y, count) {
      for (let group = 0; group < groups; group++) {
        const x = plus(planes, group * volume(from) * 4);
        const [a, b] = [plus(packed, group * groupPacked), plus(bias, group * groupBias)];
        k.convPanels(job, x, count * pixels, a, b, plus(y, group * volume(to) * 4));
      }
    },
  };
}

/** Planes of a block of images with padding around them. */
export interface Padding {
  /** Room that `run` wants; none where the planes themselves serve. */
  readonly bytes: number;
  /** Returns the address of the padded planes. */
  run(k: TrainingKernels, from: Address, images: number, room: Address): Address;
}

/** @param images most of them */
export function planPadding(arena: Arena, shape: Shape, outer: PaddedPlane, images: number): Padding {
  const [channels, height, width] = shape;
  const [outerHeight, outerWidth, top, left] = outer;
  if (height === outerHeight && width === outerWidth) return { bytes: 0, run: (_, from) => from };
  const job = arena.record(PaddingJob, { height, width, outerHeight, outerWidth, top, left });
  return {
    bytes: images * channels * outerHeight * outerWidth * 4,
    run(k, from, count, room) {
      k.padPlanes(job, from, room, count * channels);
      return room;
    },
  };
}

// panels.ts: what the three products of a convolution share: tables in memory, packed weights, padded planes.
import type { Shape } from "../format/index.js";
import type { Arena } from "./arena.js";
import type { Kernels, Pointer } from "./kernels.js";
import type { PaddedPlane, Pass } from "./tables.js";

export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** A pass whose tables have addresses and whose weights have room, packed anew for every batch. */
export interface PlacedPass {
  readonly depth: number;
  readonly rows: number;
  readonly pixelsPerImage: number;
  readonly taps: Pointer;
  readonly inputs: Pointer;
  readonly outputs: Pointer;
  readonly columns: Pointer;
  /** Packed weights, group after group. */
  readonly packed: Pointer;
  readonly packedGroup: number;
}

export function place(arena: Arena, pass: Pass, rows: number, groups: number, images: number): PlacedPass {
  const depth = pass.taps.length;
  const packedGroup = roundUp(rows, 4) * depth * 4;
  return {
    depth,
    rows,
    pixelsPerImage: pass.inputs.length / images,
    taps: arena.table(pass.taps),
    inputs: arena.table(pass.inputs),
    outputs: arena.table(pass.outputs),
    columns: arena.table(pass.columns),
    packed: arena.reserve(groups * packedGroup),
    packedGroup,
  };
}

export const panelScratch = (pass: PlacedPass): number => pass.depth * 32 + pass.rows * 32 + 64;

/** Planes of a block of images, copied into padding unless there is none. Returns their address. */
export function padded(
  k: Kernels,
  from: Pointer,
  shape: Shape,
  images: number,
  [height, width, top, left]: PaddedPlane,
  room: Pointer,
): Pointer {
  if (height === shape[1] && width === shape[2]) return from;
  k.padPlanes(from, room, images * shape[0], shape[1], shape[2], height, width, top, left);
  return room;
}

const isPadded = (shape: Shape, [height, width]: PaddedPlane): boolean => height !== shape[1] || width !== shape[2];

/** Room for a block of padded planes; none where the tensor itself serves. */
export const paddedBytes = (shape: Shape, to: PaddedPlane, images: number): number =>
  isPadded(shape, to) ? images * shape[0] * to[0] * to[1] * 4 : 0;

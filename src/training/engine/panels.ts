// panels.ts: what the three products of a convolution share: tables in memory, packed weights, padded planes.

import type { Address } from "../../base/address.js";
import type { Shape } from "../../format/index.js";
import type { Arena } from "./arena.js";
import type { PaddedPlane, Pass } from "./tables.js";
import type { Kernels } from "./wasm.js";

export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

export interface PlacedTables {
  readonly depth: number;
  readonly pixels: number;
  readonly taps: Address;
  readonly inputs: Address;
  readonly outputs: Address;
  readonly columns: Address;
}

/** A pass whose tables have addresses and whose weights have room, packed anew for every batch. */
export interface PlacedPass extends PlacedTables {
  readonly rows: number;
  readonly pixelsPerImage: number;
  /** Packed weights, group after group. */
  readonly packed: Address;
  readonly packedGroup: number;
}

/** The tables of a pass in memory. */
export function placeTables(arena: Arena, { taps, inputs, outputs, columns }: Pass): PlacedTables {
  return {
    depth: taps.length,
    pixels: inputs.length,
    taps: arena.table(taps),
    inputs: arena.table(inputs),
    outputs: arena.table(outputs),
    columns: arena.table(columns),
  };
}

export function place(arena: Arena, pass: Pass, rows: number, groups: number, images: number): PlacedPass {
  const tables = placeTables(arena, pass);
  const packedGroup = roundUp(rows, 4) * tables.depth * 4;
  const packed = arena.reserve(groups * packedGroup);
  return { ...tables, rows, pixelsPerImage: tables.pixels / images, packed, packedGroup };
}

export const panelScratch = (pass: PlacedPass): number => pass.depth * 32 + pass.rows * 32 + 64;

const isPadded = (shape: Shape, [height, width]: PaddedPlane): boolean => height !== shape[1] || width !== shape[2];

/** Planes of a block of images, copied into padding unless there is none. Returns their address. */
export function padded(
  k: Kernels,
  from: Address,
  shape: Shape,
  images: number,
  outer: PaddedPlane,
  room: Address,
): Address {
  if (!isPadded(shape, outer)) return from;
  const [height, width, top, left] = outer;
  k.padPlanes(from, room, images * shape[0], shape[1], shape[2], height, width, top, left);
  return room;
}

/** Room for a block of padded planes; none where the tensor itself serves. */
export const paddedBytes = (shape: Shape, to: PaddedPlane, images: number): number =>
  isPadded(shape, to) ? images * shape[0] * to[0] * to[1] * 4 : 0;

// endings.ts: the work of ending a layer's sums: scaled, added to, rounded and written.
import type { Encoding } from "../../ops/index.js";
import { TILE } from "../../runtime/inside.js";
import { type Counts, sumOf } from "./features.js";
import type { ChannelWork } from "./work.js";

/** Pixels that one turn of an ending takes. */
export const TURN = 16;

const thresholdsOf = (encoding: Encoding): number => (encoding.kind === "levels" ? encoding.thresholds.length : 0);

/** The channels that end, what they become and what they are added to. */
export interface Ending {
  readonly channels: number;
  /** Pixels of each. */
  readonly pixels: number;
  readonly output: Encoding;
  /** The encoding of the second operand, where there is one. */
  readonly residual?: Encoding;
}

/** Counts the end of bucket sums in tiles, by the short way or the general one. */
export function endTiles(
  { channels, pixels, output, residual }: Ending,
  work: Pick<ChannelWork, "pairs" | "lone" | "short" | "twin">,
  isPlain: boolean,
): Counts {
  const tiles = Math.ceil(pixels / TILE);
  const turns = channels * Math.ceil(pixels / TURN);
  const added = residual ? turns : 0;
  if (!isPlain) {
    return sumOf(
      { endPlainChannel: channels * tiles, endGeneral: turns, endGeneralResidual: added },
      { endGeneralPair: turns * (work.pairs + work.lone), endThreshold: turns * thresholdsOf(output) },
      { endFloat: output.kind === "float32" ? turns : 0 },
    );
  }
  return {
    endShort: turns * work.short,
    endTwin: turns * work.twin,
    endPlain: turns * Math.max(0, 1 - work.short - work.twin),
    endPlainChannel: channels * tiles,
    endPair: turns * work.pairs,
    endPlainResidual: added,
  };
}

/** Counts the end of u8 planes, 16 pixels a call. */
export function endPlanes({ channels, pixels, output, residual }: Ending): Counts {
  const turns = channels * Math.ceil(pixels / TURN);
  return {
    endPlainChannel: turns,
    endGeneral: turns,
    endGeneralPair: turns,
    endGeneralResidual: residual ? turns : 0,
    endThreshold: turns * thresholdsOf(output),
    endFloat: output.kind === "float32" ? turns : 0,
  };
}

/** Counts the end of sums in plain order, four values at a time. `calls` is into how many pieces they are cut. */
export function endLanes({ channels, pixels, output, residual }: Ending, calls = channels): Counts {
  const values = channels * Math.ceil(pixels / 4);
  return {
    lanesCall: calls,
    lanes: values,
    lanesResidual: residual ? values : 0,
    lanesFloat: output.kind === "float32" ? values : 0,
    lanesThreshold: values * thresholdsOf(output),
  };
}

/** Counts the end of a vector, whose channels are the lanes. */
export function endVector(ending: Ending): Counts {
  return endLanes({ ...ending, channels: 1, pixels: ending.channels }, 1);
}

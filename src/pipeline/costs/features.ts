// features.ts: what a step's time is made of: the units of work that a cost table has a price for.
import { frozenCopy } from "../../base/index.js";

/**
 * The units of work, with what one of each is.
 * @internal
 */
export const COST_UNITS = frozenCopy({
  step: "a step",
  tile: "a visit of a tile of output pixels",
  mask: "the padding mask of a tap, a tile",
  pointwiseRow: "a gathered row of 64 pixels, without padding",
  shiftedRow: "a gathered row, masked",
  complementRow: "a row whose complement is laid behind the others",
  piece: "16 pixels of a gathered row that is put together from output rows",
  rowOfPieces: "a row that is put together",
  lookedUpRow: "a gathered row whose pixels are looked up",
  swarTerm: "a weight, a tile",
  swarFar: "a weight whose row is not in the first-level cache",
  swarSegment: "a segment of the stream, a tile",
  swarList: "a list of rows in it that is not empty",
  swarPark: "a part that is left",
  swarChannel: "an output channel, a tile",
  byteTerm: "a weight, a tile, activations of few bits",
  byteRun: "a run of rows whose sum fits 8 bits",
  byteFar: "a weight whose row is not in the first-level cache, activations of few bits",
  byteSegment: "a segment, activations of few bits",
  byteList: "a list of rows, activations of few bits",
  bytePark: "a part that is left, activations of few bits",
  byteChannel: "an output channel, a tile, activations of few bits",
  narrowTerm: "a weight, a tile of at most 16 pixels",
  narrowFar: "a weight whose row is not in the first-level cache, 16 pixels",
  narrowSegment: "a segment, 16 pixels",
  narrowList: "a list of rows, 16 pixels",
  narrowPark: "a part that is left, 16 pixels",
  narrowChannel: "an output channel, a tile of at most 16 pixels",
  slidingTerm: "a row of a depthwise layer that is added, a tile",
  slidingSegment: "a segment of a depthwise layer, a tile",
  slidingList: "a list of taps of a depthwise layer, a tile",
  slidingPark: "a part that a depthwise layer leaves",
  slidingChannel: "a channel of a depthwise layer, a tile",
  shiftedTerm: "a row of a depthwise layer on a small map that is shifted and added, 32 pixels",
  shiftedPart: "a part of a channel of it, 32 pixels",
  planeCopy: "a copy of a plane for the taps of a column",
  planeCopyBytes: "32 bytes of it",
  streamByte: "a byte of a stream too long for the second-level cache, a tile",
  endShort: "the short end of 16 pixels of one part",
  endTwin: "the short end of 16 pixels of two parts",
  endPlain: "the end of 16 pixels of integers",
  endPair: "a pair of parts of it, 16 pixels",
  endPlainChannel: "a channel that ends so, a tile",
  endPlainResidual: "the second operand of 16 pixels",
  endGeneral: "the end of 16 pixels of any kind",
  endGeneralPair: "a pair of parts of it, 16 pixels",
  endGeneralResidual: "the second operand of 16 pixels of any kind",
  endFloat: "16 float32 pixels that are written",
  endThreshold: "a threshold of a table of levels, 16 pixels",
  lanes: "the end of four values in plain order",
  lanesCall: "a channel that ends so",
  lanesResidual: "the second operand of four values",
  lanesFloat: "four float32 values that are written",
  lanesThreshold: "a threshold of a table of levels, four values",
  denseInput: "an input of a dense layer",
  densePair: "an input of a dense layer, by 16 outputs and two planes of bits",
  denseByte: "a byte of weights of a dense layer too large for the second-level cache",
  denseFloatProduct: "a float32 input, by 16 outputs",
  copiedByte: "a byte that is copied",
  copy: "a copy, however short",
  floatRow: "a gathered row of 64 float32 pixels",
  floatLookedUpRow: "a gathered row of float32 pixels that are looked up",
  floatBlock: "a weight of four channels by 8 float32 pixels",
  floatSingle: "a weight of a float32 depthwise layer, 32 pixels",
  split: "32 pixels split into phases",
  maxRow: "a tap of a maximum, 16 pixels",
  sumRow: "a tap of a mean, 16 pixels",
  maxFloatRow: "a tap of a maximum, 16 float32 pixels",
  sumFloatRow: "a tap of a mean, 16 float32 pixels",
  summedPlane: "a plane that is summed up",
  summedByte: "a byte of it",
  summedFloat: "a float32 value of it",
  walkedTap: "a tap of a very large window",
  walkedFloat: "a float32 tap of a very large window",
  matmulBlock: "four rows by 8 columns of a product of matrices",
  matmulPanel: "8 values of a matrix that is laid out for it",
  gathered: "an element that is moved by itself",
  gatheredFloat: "a float32 element that is moved by itself",
  permuted: "an element of a permutation",
  permutedFloat: "a float32 element of a permutation",
  looked: "an integer that is looked up in the table of a function",
  blockInteger: "an integer read or written as a real value",
  blockFloat: "a float32 value read or written as a real value",
  shortStep: "a step of a function: an instruction or a few",
  seriesStep: "a step of a function that is a series: exp, tanh",
  gate: "an integer that is a function with a gate, as SiLU and GELU, or none",
  wideGate: "a float32 value that is SiLU or sigmoid",
  paired: "a sum or product of two values",
  pairedInteger: "an integer that is one of them",
  columnTap: "a tap of an interpolation along a row",
  rowTap: "a tap of an interpolation across rows",
  exponential: "a value of a softmax",
  softmaxLine: "a line of values of a softmax",
  apartValue: "a value of a softmax across rows or channels",
} as const);

/** The name of a unit of work. */
export type Feature = keyof typeof COST_UNITS;

/** The number of units of each kind that a step takes. */
export type Counts = { readonly [F in Feature]?: number };

/** The names of all units. */
export const FEATURE_NAMES = Object.keys(COST_UNITS) as readonly Feature[];

/** Adds counts up. */
export function sumOf(...all: readonly Counts[]): Counts {
  const total: { [F in Feature]?: number } = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts) as [Feature, number][]) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

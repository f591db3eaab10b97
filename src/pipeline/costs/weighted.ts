// weighted.ts: the work of convolutions and dense layers, from their shapes and the work of a mean channel.
import type { ModelDef } from "../../model/index.js";
import {
  type ConvLayer,
  type DenseLayer,
  type Encoding,
  elements,
  largestOf,
  type TensorSpec,
} from "../../ops/index.js";
import { addsComplements, BLOCK, isPointLayer, TILE, windowOf } from "../../runtime/inside.js";
import { endLanes, endTiles, endVector } from "./endings.js";
import { type Counts, sumOf } from "./features.js";
import { gatherPatches, slidingIn, tilesOf } from "./windows.js";
import type { ChannelWork } from "./work.js";

/** Bytes of the caches: rows of a patch beyond the first level, and streams and weights beyond the second, cost more. */
const FIRST_LEVEL = 2 ** 15;
const SECOND_LEVEL = 2 ** 19;
/**
 * Branches that a core learns by heart, more or less: the end of a list of rows is mispredicted unless the same list was met a
 * short while ago. Between two tiles lie the branches of the layer, between two runs those of the model.
 */
const LEARNT_OF_LAYER = 50_000;
const LEARNT_OF_MODEL = 100_000;
/** Pixels of a tile that the narrow kernels take, and pixels whose rows are shifted at a time. */
const NARROW = 16;
const SHIFTED = 32;
/** Bytes that are copied at a time. */
const COPIED = 32;

/**
 * A layer with weights, without the weights.
 * @internal
 */
export interface LayerGeometry {
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  /** Null of a dense layer, and of a convolution that runs as one: one tap on one pixel. */
  readonly window: ReturnType<typeof windowOf> | null;
  readonly groups: number;
  /** The encoding of a second operand. */
  readonly residual?: Encoding;
}

/**
 * Returns the geometry of a layer of a model.
 * @internal
 */
export function geometryOf(def: Pick<ModelDef, "tensors">, layer: ConvLayer | DenseLayer): LayerGeometry {
  const spec = (tensor: string): TensorSpec => def.tensors[tensor];
  const shapes = { input: spec(layer.input), output: spec(layer.output) };
  if (layer.op === "dense") return { ...shapes, window: null, groups: 1 };
  const { groups, residual } = layer;
  const window = isPointLayer({ spec }, layer) ? null : windowOf(layer);
  return { ...shapes, window, groups, residual: residual && spec(residual.tensor).encoding };
}

/**
 * Counts the units of a layer on integers.
 * @param work of a mean channel
 * @param isPlain whether the short ending serves: the output is linear, and its sums fit 16 bits
 * @param branches of the whole model, from one run of the layer to the next
 */
export function layerCounts(geometry: LayerGeometry, work: ChannelWork, isPlain: boolean, branches: number): Counts {
  const { input, output, window, groups, residual } = geometry;
  const [channels, height, width] = output.shape;
  const ending = { channels, pixels: height * width, output: output.encoding, residual };
  if (window === null) {
    const walks = work.passes * Math.ceil(channels / BLOCK);
    const inputs = elements(input.shape);
    const bytes = 4 * inputs * walks;
    return sumOf(flattened(input), endVector(ending), {
      step: 1,
      denseInput: inputs,
      densePair: inputs * walks,
      denseByte: beyond(bytes, SECOND_LEVEL),
    });
  }
  const sliding = { input, output, window };
  const perGroup = input.shape[0] / groups;
  const copied = perGroup === 1 ? slidingIn(sliding) : null;
  const depth = perGroup * elements(window.kernel);
  const streamBytes = channels * (2 * work.terms + 6 * work.segments);
  const tiles = tilesOf(output);
  // between two tiles lie the branches of the layer, or those of the channel alone
  const between = copied ? branchesOf(geometry, work) / channels : branchesOf(geometry, work);
  const missed = { ...work, lists: work.lists * missedShare(tiles, between, branches) };
  const complementRow = complementsIn(geometry) ? tiles * depth : 0;
  return sumOf(
    { step: 1, complementRow, streamByte: (copied ? 1 : tiles) * beyond(streamBytes, SECOND_LEVEL) },
    copied ? copiedSums(geometry, copied, missed) : gatherPatches(sliding, perGroup),
    copied ? {} : bucketSums(geometry, depth, missed),
    endTiles(ending, work, isPlain),
  );
}

/**
 * Whether a layer's sums add complements of rows instead of subtracting rows.
 * @internal
 */
export function complementsIn({ input, output, window, groups }: LayerGeometry): boolean {
  if (window === null || (input.shape[0] === groups && slidingIn({ input, output, window }))) return false;
  return addsComplements(input.shape, output.shape, { kernel: window.kernel, groups });
}

/** Bytes that are fetched from behind a cache: all of what is twice its size. */
function beyond(bytes: number, cache: number): number {
  return bytes * Math.min(1, Math.max(0, bytes / cache - 1));
}

/** Returns the branches of one tile of a layer, all its channels: 0 for a dense layer, whose loops are all alike. */
export function branchesOf({ output, window }: LayerGeometry, work: ChannelWork): number {
  return window === null ? 0 : output.shape[0] * (work.terms + 2 * work.segments);
}

/** The share of the lists' ends that a core does not know: the first tile's are older than the others'. */
function missedShare(tiles: number, ofLayer: number, ofModel: number): number {
  const later = ofLayer / (ofLayer + LEARNT_OF_LAYER);
  const first = ofModel === Number.POSITIVE_INFINITY ? 1 : ofModel / (ofModel + LEARNT_OF_MODEL);
  return (first * (1 + (tiles - 1) * later)) / tiles;
}

/** Tiles of more than 16 pixels, and of fewer. */
function widthsOf(output: TensorSpec): { readonly wide: number; readonly narrow: number } {
  const last = (output.shape[1] * output.shape[2]) % TILE;
  const narrow = last > 0 && last <= NARROW ? 1 : 0;
  return { wide: tilesOf(output) - narrow, narrow };
}

function bucketSums({ input, output }: LayerGeometry, depth: number, work: ChannelWork): Counts {
  const { wide, narrow } = widthsOf(output);
  const [channels] = output.shape;
  const [wides, narrows] = [channels * wide, channels * narrow];
  const far = beyond(depth * TILE, FIRST_LEVEL) / (depth * TILE);
  const isByte = 255 / largestOf(input.encoding)! >= 2;
  const wideCounts: Counts = isByte
    ? {
        byteTerm: wides * work.terms,
        byteRun: wides * work.runs,
        byteFar: wides * far * work.terms,
        byteSegment: wides * work.segments,
        byteList: wides * work.lists,
        bytePark: wides * work.parks,
        byteChannel: wides,
      }
    : {
        swarTerm: wides * work.terms,
        swarFar: wides * far * work.terms,
        swarSegment: wides * work.segments,
        swarList: wides * work.lists,
        swarPark: wides * work.parks,
        swarChannel: wides,
      };
  return {
    ...wideCounts,
    narrowTerm: narrows * work.terms,
    narrowFar: narrows * far * work.terms,
    narrowSegment: narrows * work.segments,
    narrowList: narrows * work.lists,
    narrowPark: narrows * work.parks,
    narrowChannel: narrows,
  };
}

function copiedSums(
  { input, output }: LayerGeometry,
  { copies, copyBytes, pieces, shifted }: NonNullable<ReturnType<typeof slidingIn>>,
  work: ChannelWork,
): Counts {
  const [channels, height, width] = output.shape;
  const made = pieces * input.shape[0] * copies.length;
  const copied = { tile: pieces, planeCopy: made, planeCopyBytes: (made * copyBytes) / COPIED };
  if (shifted) {
    const turns = channels * Math.ceil((height * width) / SHIFTED);
    return { ...copied, shiftedTerm: turns * work.terms, shiftedPart: turns * work.segments };
  }
  const tiles = channels * tilesOf(output);
  return {
    ...copied,
    slidingTerm: tiles * work.terms,
    slidingSegment: tiles * work.segments,
    slidingList: tiles * work.lists,
    slidingPark: tiles * work.parks,
    slidingChannel: tiles,
  };
}

/** The copy of an input's planes, where they are more than vectors. */
function flattened({ shape, encoding }: TensorSpec): Counts {
  if (shape[1] * shape[2] === 1) return {};
  return { copy: shape[0], copiedByte: elements(shape) * (encoding.kind === "float32" ? 4 : 1) };
}

/** Counts the units of a layer whose weights are float32. */
export function floatCounts({ input, output, window, groups, residual }: LayerGeometry): Counts {
  const [channels, height, width] = output.shape;
  const pixels = height * width;
  const ending = { channels, pixels, output: output.encoding, residual };
  if (window === null) {
    const blocks = Math.ceil(channels / BLOCK);
    const inputs = elements(input.shape);
    const bytes = 4 * BLOCK * blocks * inputs;
    return sumOf(flattened(input), endVector(ending), {
      step: 1,
      denseFloatProduct: inputs * blocks,
      denseByte: beyond(bytes, SECOND_LEVEL),
    });
  }
  const sliding = { input, output, window };
  const perGroup = input.shape[0] / groups;
  const depth = perGroup * elements(window.kernel);
  const groupOutputs = channels / groups;
  const single = groupOutputs === 1;
  const products = single
    ? { floatSingle: channels * depth * Math.ceil(pixels / 32) }
    : { floatBlock: groups * Math.ceil(groupOutputs / 4) * depth * Math.ceil(pixels / 8) };
  return sumOf({ step: 1 }, gatherPatches(sliding, perGroup), products, endLanes(ending, channels * tilesOf(output)));
}

// channel-ranges.ts: how far the values of every channel reach, and how much they vary, over some images.

import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { inferShapes, NETWORK, type Network } from "../graph/index.js";
import type { NamedActivations } from "./calibrate.js";
import { numberAt, orderOf } from "./ordered.js";

/**
 * The values that the channels of a tensor take.
 * @internal
 */
export interface ChannelRanges {
  /** The least and the largest value of every channel, with 0 among them. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** The variance of every channel. */
  readonly variance: Float64Array;
  /** Values that each channel was seen to take. */
  readonly count: number;
}

/** Ranges as collectRanges makes them. */
export const RANGES: Kind = is.record<ChannelRanges>({
  low: is.array("Float64Array"),
  high: is.array("Float64Array"),
  variance: is.array("Float64Array"),
  count: is.integer(1),
});

/**
 * Looks at every channel of some tensors over all batches.
 * @param names tensors of the network.
 * @param batches what a float forward pass makes, batch after batch, each tensor (count, channels, height, width).
 * @throws BAD_GRAPH for a batch without one of the tensors.
 * @internal
 */
export async function collectRanges(
  network: Network,
  names: readonly string[],
  batches: Iterable<NamedActivations> | AsyncIterable<NamedActivations>,
): Promise<Map<string, ChannelRanges>> {
  given({ network, names, batches }, { network: NETWORK, names: is.list(is.text), batches: is.iterable });
  const shapes = inferShapes(network);
  const meters = new Map(names.map((name) => [name, createMeter(shapes.get(name)!)]));
  for await (const batch of batches) {
    for (const [name, { add }] of meters) {
      const values = batch.get(name);
      if (!values) throw new ShiftwiseError("BAD_GRAPH", "the forward pass gave no such tensor", { where: name });
      add(values);
    }
  }
  return new Map([...meters].map(([name, { read }]) => [name, read()]));
}

/** Widens a channel's range, 0 among it. As a function of its own that every tensor's meter shares it is compiled well at once. */
function extremes(bits: Int32Array, from: number, to: number, c: number, low: Float64Array, high: Float64Array): void {
  let [first, last] = [0, 0];
  for (let i = from; i < to; i++) {
    const order = orderOf(bits[i]);
    if (order < first) first = order;
    if (order > last) last = order;
  }
  low[c] = Math.min(low[c], numberAt(first));
  high[c] = Math.max(high[c], numberAt(last));
}

/** Adds a channel's values, and their squares. */
function addPowers(
  values: Float32Array,
  from: number,
  to: number,
  c: number,
  sum: Float64Array,
  square: Float64Array,
): void {
  let [total, squares] = [0, 0];
  for (let i = from; i < to; i++) {
    const value = values[i];
    total += value;
    squares += value * value;
  }
  sum[c] += total;
  square[c] += squares;
}

/**
 * Makes what looks at a tensor, (count, channels, height, width), batch after batch.
 * @internal
 */
export function createMeter([channels, height, width]: readonly [number, number, number]) {
  const plane = height * width;
  const [low, high, sum, square] = [0, 1, 2, 3].map(() => new Float64Array(channels));
  let planes = 0;
  return {
    add(values: Float32Array): void {
      const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
      for (let at = 0; at < values.length; at += plane, planes++) {
        const c = planes % channels;
        extremes(bits, at, at + plane, c, low, high);
        addPowers(values, at, at + plane, c, sum, square);
      }
    },
    read(): ChannelRanges {
      const count = (planes / channels) * plane;
      const variance = square.map((squares, c) => Math.max(squares / count - (sum[c] / count) ** 2, 0));
      return { low, high, variance, count };
    },
  };
}

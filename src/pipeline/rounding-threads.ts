// rounding-threads.ts: as many threads as weights are rounded on.
import { inferShapes, type Network } from "../graph/index.js";
import { elements } from "../ops/index.js";
import { weightNodes } from "../quantize/index.js";
import { roundingMemory, usualThreads } from "../rounding/index.js";

/** Products of all images from which on a thread more is worth its start, about a second of work. */
const WORTH = 1e9;

/**
 * Returns how many threads are worth their start and have room beside the samples: samples go first, so that results do not depend on
 * threads.
 * @param simulated the network with its quantize nodes
 * @param memory bytes that are allowed
 * @param wanted most threads. Default: the usual number
 */
export function roundingThreads(simulated: Network, samples: number, memory: number, wanted = usualThreads()): number {
  const shapes = inferShapes(simulated);
  const products = weightNodes(simulated).reduce((sum, { name, weight }) => {
    const [, height, width] = shapes.get(name)!;
    return sum + elements(weight.shape) * height * width;
  }, 0);
  const { sample, fixed, thread } = roundingMemory(simulated);
  const room = 1 + Math.floor((memory - fixed - samples * sample) / thread);
  return Math.max(1, Math.min(wanted, room, 1 + Math.floor((products * samples) / WORTH)));
}

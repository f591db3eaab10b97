// gains.ts: what one layer's rounding alone costs the outputs, layer by layer, measured on the float network.
import { countOf, type Samples, type SamplesByInput } from "../../data/browser.js";
import { findChains, inferShapes, type Network, removeQuantizers } from "../../graph/index.js";
import { elements, type WeightGrids } from "../../ops/index.js";
import { weightNodes } from "../../quantize/index.js";
import { createFidelity, firstOf, sampleActivations } from "../../training/index.js";
import { checkSignal } from "../interruptible.js";
import { worstNoise } from "./goal.js";

/** Products that measuring may take, over all layers; and how many samples that may be. */
const PRODUCTS = 6e10;
const SAMPLES = { least: 2, most: 32 };

/**
 * Measures the noise at the worst output that each layer makes when it alone is rounded.
 * @param simulated the network before rounding; its quantize nodes are left out
 * @param rounded the same with all layers rounded, each to do what it did before
 * @param ready layers that were not rounded
 * @param onLayer hears how many layers are done
 * @returns noise as a share of the signal, by the layer's name
 */
export async function outputNoise(
  simulated: Network,
  rounded: Network,
  samples: Samples | SamplesByInput,
  ready: WeightGrids,
  signal: AbortSignal | undefined,
  onLayer: (done: number, total: number, layer: string) => void | Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const float = removeQuantizers(simulated);
  const layers = weightNodes(float).filter(({ name }) => !ready.has(name));
  const shapes = inferShapes(float);
  const products = layers.reduce((sum, { name, weight }) => {
    const [, height, width] = shapes.get(name)!;
    return sum + elements(weight.shape) * height * width;
  }, 0);
  const affordable = Math.floor(PRODUCTS / (products * layers.length));
  const count = Math.min(countOf(samples), Math.max(SAMPLES.least, Math.min(affordable, SAMPLES.most)));
  const few = firstOf(samples, count);
  const outputsOf = (network: Network) => sampleActivations(network, few, network.outputs);
  const expected = Array.from(outputsOf(float), copied);
  const changed = new Map(removeQuantizers(rounded).nodes.map((node) => [node.name, node]));
  const norms = new Map(findChains(float).map(({ head, norm }) => [head.name, norm?.name]));
  const found = new Map<string, number>();
  for (const [i, { name }] of layers.entries()) {
    const own = [name, norms.get(name)];
    const nodes = float.nodes.map((node) => (own.includes(node.name) ? changed.get(node.name)! : node));
    const fidelity = createFidelity(float);
    let batch = 0;
    for (const values of outputsOf({ ...float, nodes })) fidelity.add(expected[batch++], values, float.outputs);
    found.set(name, worstNoise(fidelity.read().outputs));
    await onLayer(i + 1, layers.length, name);
    checkSignal(signal);
  }
  return found;
}

const copied = (batch: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array> =>
  new Map([...batch].map(([name, values]) => [name, values.slice()]));

// gains.ts: what one layer's rounding alone costs the outputs, layer by layer, measured on the float network.
import { countOf, type Samples, type SamplesByInput, samplesReader } from "../../data/browser.js";
import { compileModule, createVariants, pause } from "../../engine/index.js";
import { findChains, inferShapes, inputsOf, type Network, removeQuantizers } from "../../graph/index.js";
import { elements, type WeightGrids } from "../../ops/index.js";
import { weightNodes } from "../../quantize/index.js";
import { createFidelity, type Fidelity, imagesAtOnce } from "../../training/index.js";
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
 * @param telling whether each output counts
 * @param onLayer hears how many layers are done, in parts of the images
 * @returns noise as a share of the signal, by the layer's name
 */
export async function outputNoise(
  simulated: Network,
  rounded: Network,
  samples: Samples | SamplesByInput,
  ready: WeightGrids,
  telling: readonly boolean[],
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
  const { read } = samplesReader(inputsOf(float), samples, float.name);
  const batch = imagesAtOnce([float], count);
  const variants = createVariants(float, shapes, batch, compileModule());
  const outputs = () => new Map(float.outputs.map((name) => [name, variants.output(name)]));
  const changed = new Map(removeQuantizers(rounded).nodes.map((node) => [node.name, node]));
  const norms = new Map(findChains(float).map(({ head, norm }) => [head.name, norm?.name]));
  const meters = layers.map(() => createFidelity(float));
  for (let from = 0; from < count; from += batch) {
    const images = Math.min(batch, count - from);
    variants.forward(read(from, images), images);
    const expected = new Map([...outputs()].map(([name, values]) => [name, values.slice()]));
    for (const [i, { name }] of layers.entries()) {
      const norm = norms.get(name);
      variants.replace(changed.get(name)!, norm === undefined ? [] : [changed.get(norm)!]);
      meters[i].add(expected, outputs(), float.outputs);
      await onLayer((from / count) * layers.length + ((i + 1) * images) / count, layers.length, name);
      await pause();
      checkSignal(signal);
    }
  }
  const noise = (meter: Fidelity): number => {
    const counted = meter.read().outputs.filter((_, i) => telling[i]);
    // few samples may be alike where others are not
    return worstNoise(counted.map((output) => ({ ...output, differs: true })));
  };
  return new Map(layers.map(({ name }, i) => [name, noise(meters[i])]));
}

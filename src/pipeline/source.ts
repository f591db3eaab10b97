// source.ts: the images that a network is calibrated with, for each of its inputs, and how their pixels become its values.

import { ShiftwiseError } from "../base/index.js";
import { type Pictures, type Samples, type SamplesByInput, samplesOf } from "../data/browser.js";
import type { Calibration } from "../data/index.js";
import { inputsOf, type Network } from "../graph/index.js";
import type { InputNode, Normalization } from "../ops/index.js";
import { usualNormalization, withNormalization } from "./network.js";
import { pixelHead } from "./pixel-head.js";
import { unlikelyRange } from "./pixel-range.js";

/**
 * Images without labels: pixels image after image, a labelled set, network values that a function reads, or what
 * openCalibration of shiftwise/data returns. Pixels are normalized as the network's input says. Where it says nothing, they are
 * normalized as they say themselves.
 */
export type Images =
  | (Omit<Pictures, "normalization"> & { readonly normalization?: Normalization })
  | Samples
  | Pick<Calibration, "samples" | "pictures">;

/** Images for each input of a network by the inputs' names, as an object or as openCalibrations of shiftwise/data returns them. */
export type ImagesByInput = Readonly<Record<string, Images>> | ReadonlyMap<string, Images>;

/** Samples for all inputs of a network. */
export interface Source {
  /** With inputs that take these pixels, where they are pixels. */
  readonly network: Network;
  readonly samples: Samples | SamplesByInput;
  /** The pixels of the one input; null where there are several, or where it takes other values. */
  readonly pictures: Pictures | null;
}

/** A value that may be any kind of images. */
type Taken = Partial<Pictures & Samples & Calibration>;

const isMap = (value: unknown): value is ReadonlyMap<string, Images> =>
  Object.prototype.toString.call(value) === "[object Map]";

/** Whether a value is images of one input, and no object of images by name. */
function isOfOne(value: unknown): boolean {
  const { images, read, samples } = (value ?? {}) as Taken;
  return images instanceof Uint8Array || typeof read === "function" || typeof samples?.read === "function";
}

/** @throws BAD_DATA for what are no images of the inputs' shapes, for inputs without images, and for different numbers of them */
export function sourceOf(network: Network, images: Images | ImagesByInput, warn: (text: string) => void): Source {
  const inputs = inputsOf(network);
  const [first] = inputs;
  const named = isMap(images) ? Object.fromEntries(images) : ((images ?? {}) as Record<string, Images>);
  const byName = !isOfOne(images) && (inputs.length > 1 || isMap(images) || Object.hasOwn(named, first.name));
  if (!byName) {
    if (inputs.length === 1) return ofInput(network, first, images as Images, warn);
    throw new ShiftwiseError("BAD_DATA", "the network has several inputs", {
      where: network.name,
      expected: `images for each of ${inputs.map(({ name }) => name).join(", ")}`,
      found: "images of one",
    });
  }
  const foreign = Object.keys(named).find((name) => !inputs.some((input) => input.name === name));
  if (foreign !== undefined) {
    const expected = inputs.map(({ name }) => name).join(", ");
    throw new ShiftwiseError("BAD_DATA", "images of no input", { where: network.name, expected, found: foreign });
  }
  let source: Source = { network, samples: {}, pictures: null };
  const samples: Record<string, Samples> = {};
  for (const input of inputs) {
    source = ofInput(source.network, input, Object.hasOwn(named, input.name) ? named[input.name] : undefined, warn);
    samples[input.name] = source.samples as Samples;
    const { count } = samples[first.name];
    if (samples[input.name].count === count) continue;
    throw new ShiftwiseError("BAD_DATA", "inputs with different numbers of samples", {
      where: input.name,
      expected: `${count}, as for ${first.name}`,
      found: samples[input.name].count,
    });
  }
  return inputs.length === 1 ? source : { network: source.network, samples, pictures: null };
}

const sameNormalization = (a: Normalization, b: Normalization): boolean =>
  [a.mean, a.std].join() === [b.mean, b.std].join();

function ofInput(
  network: Network,
  input: InputNode,
  images: Images | undefined,
  warn: (text: string) => void,
): Source & { readonly samples: Samples } {
  const { shape, normalization: own, name } = input;
  const taken = (images ?? {}) as Taken;
  const pixels = taken.pictures ?? (taken.images && (taken as Pictures));
  const refuse = (expected: string, found: unknown) =>
    new ShiftwiseError("BAD_DATA", "the network does not take these images", { where: name, expected, found });
  const found = (pixels ?? taken.samples ?? taken).shape;
  const fits = Array.isArray(found) && found.length === shape.length && shape.every((n, i) => found[i] === n);
  if (!fits) throw refuse(`the shape ${shape.join(", ")}`, found ?? "no shape");
  if (!pixels) {
    const samples = taken.samples ?? (taken as Samples);
    if (typeof samples.read === "function" && samples.count > 0) return { network, samples, pictures: null };
    throw refuse("a count above 0, and a function that reads so many", samples.count);
  }
  const length = shape[0] * shape[1] * shape[2];
  if (!(pixels.images instanceof Uint8Array) || pixels.images.length === 0 || pixels.images.length % length !== 0) {
    throw refuse(`a Uint8Array of ${length} pixels an image, one image or more`, pixels.images);
  }
  const assumed = usualNormalization(shape[0]);
  const head = pixelHead(network, input);
  const normalization = own ?? pixels.normalization ?? head?.normalization ?? assumed;
  const of = inputsOf(network).length > 1 ? ` of ${name}` : "";
  if (head && !own && !pixels.normalization) warn(head.text);
  else if (head && !sameNormalization(normalization, head.normalization)) {
    warn(
      `the network's own first nodes, up to "${head.last}", scale pixels${of} of 0..255, but these are scaled before: --range 255 alone leaves them as they are`,
    );
  }
  if (normalization === assumed) {
    warn(
      `neither network nor images say what a pixel${of} is: assumed mean ${assumed.mean.join(", ")} and deviation ${assumed.std.join(", ")} of pixel / 255`,
    );
  }
  const pictures = { images: pixels.images, shape, normalization };
  const unlikely = unlikelyRange(network, input, pictures);
  if (unlikely) warn(unlikely);
  const taking = own ? network : withNormalization(network, normalization, name);
  return { network: taking, samples: samplesOf(pictures), pictures };
}

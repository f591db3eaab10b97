// walk.ts: a network run over all images segment by segment, what later segments read kept in between.
import type { SamplesReader } from "../data/browser.js";
import { imagesWithin } from "../engine/index.js";
import { inferShapes, type Network } from "../graph/index.js";
import type { Node, Shape } from "../ops/index.js";
import {
  type ActivationStore,
  createActivationStore,
  createPiece,
  lastReaders,
  type Segment,
  segmentsOf,
  tensorEncodings,
} from "./segments.js";

/** Images that are run at a time, where the memory is enough. */
const CHUNK = 16;
/** Chunks at least, where there are as many images: what differs from one to another says how far averages are to be trusted. */
const CHUNKS = 8;

/** The number of images of `count` that a walk through the network runs at a time: as many as its largest segment has room for. */
export function chunkOf(network: Network, count: number): number {
  const shapes = inferShapes(network);
  const rooms = segmentsOf(network).map(({ nodes, reads }) => {
    const names = [...reads, ...nodes.map(({ name }) => name)];
    return imagesWithin(
      names.map((name) => shapes.get(name)!),
      CHUNK,
    );
  });
  return Math.min(...rooms, Math.ceil(count / CHUNKS));
}

/** A network on its way through all images, segment by segment. */
export interface Walk {
  readonly segments: readonly Segment[];
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly chunks: readonly number[];
  /** Writes the values of a tensor, (count, channels, height, width). */
  read(name: string, chunk: number, into: Float32Array): void;
  /**
   * Runs segment i with these nodes in its place, and yields for each chunk what the first of them makes of it: a view, which
   * the next chunk changes. Tensors that nothing else reads are gone when it is through.
   */
  run(i: number, nodes: readonly Node[]): Generator<Float32Array, void, undefined>;
}

/** @param batch images that are run at a time */
export function createWalk(network: Network, samples: SamplesReader, batch: number, module: WebAssembly.Module): Walk {
  const segments = segmentsOf(network);
  const shapes = inferShapes(network);
  const encodings = tensorEncodings(network);
  const stores = new Map<string, ActivationStore>();
  const chunks = Array.from({ length: Math.ceil(samples.count / batch) }, (_, c) =>
    Math.min(batch, samples.count - c * batch),
  );
  const lastReader = lastReaders(segments);
  const read = (name: string, chunk: number, into: Float32Array) => stores.get(name)!.get(chunk, into);
  return {
    segments,
    shapes,
    chunks,
    read,
    *run(i, nodes) {
      const { reads, gives } = segments[i];
      const [head] = nodes;
      // the input node makes the images themselves
      const inputs = nodes.filter((node) => node.op === "input").map((node) => node.name);
      const rest = nodes.filter((node) => node.op !== "input");
      const from = [...inputs, ...reads];
      const piece = createPiece(rest, from, [...new Set([...gives, head.name])], shapes, batch, module);
      for (const name of gives) stores.set(name, createActivationStore(encodings.get(name)!));
      for (const [c, count] of chunks.entries()) {
        const taken = inputs.length > 0 ? samples.read(c * batch, count) : new Map<string, Float32Array>();
        piece.run((name, into) => {
          const given = taken.get(name);
          if (given) into.set(given);
          else read(name, c, into);
        }, count);
        for (const name of gives) stores.get(name)!.put(c, piece.tensor(name));
        yield piece.tensor(head.name);
      }
      for (const [name, last] of lastReader) if (last === i) stores.delete(name);
    },
  };
}

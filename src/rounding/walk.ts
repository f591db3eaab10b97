// walk.ts: a network run over all images segment by segment, what later segments read kept in between.
import { leastOf } from "../base/index.js";
import { createRoom, imagesWithin } from "../engine/index.js";
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
  return Math.min(leastOf(rooms), Math.ceil(count / CHUNKS));
}

/** The values of a network's inputs, (count, channels, height, width) each. */
export type InputValues = ReadonlyMap<string, Float32Array>;

/** A segment that is run chunk by chunk. */
export interface SegmentRun {
  /**
   * Runs it on a chunk of images, and returns what its first node makes of it: a view, which the next chunk changes.
   * @param values of the inputs that the segment begins with, if there are any
   */
  run(chunk: number, values: InputValues): Float32Array;
  /** To be called after the last chunk: tensors that nothing else reads are gone. */
  end(): void;
}

/** A network on its way through images, segment by segment. */
export interface Walk {
  readonly segments: readonly Segment[];
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Writes the values of a tensor, (count, channels, height, width). */
  read(name: string, chunk: number, into: Float32Array): void;
  /** Makes segment i ready, with these nodes in its place. */
  begin(i: number, nodes: readonly Node[]): SegmentRun;
}

/**
 * @param batch images that are run at a time
 * @param sizeOf the images of a chunk
 */
export function createWalk(
  network: Network,
  batch: number,
  sizeOf: (chunk: number) => number,
  module: WebAssembly.Module,
): Walk {
  const segments = segmentsOf(network);
  const shapes = inferShapes(network);
  const encodings = tensorEncodings(network);
  const stores = new Map<string, ActivationStore>();
  const lastReader = lastReaders(segments);
  const room = createRoom(module);
  const read = (name: string, chunk: number, into: Float32Array) => stores.get(name)!.get(chunk, into);
  return {
    segments,
    shapes,
    read,
    begin(i, nodes) {
      const { reads, gives } = segments[i];
      const [head] = nodes;
      // the input node makes the images themselves
      const inputs = nodes.filter((node) => node.op === "input").map((node) => node.name);
      const rest = nodes.filter((node) => node.op !== "input");
      const from = [...inputs, ...reads];
      const piece = createPiece(rest, from, [...new Set([...gives, head.name])], shapes, batch, room);
      for (const name of gives) stores.set(name, createActivationStore(encodings.get(name)!));
      return {
        run(chunk, values) {
          piece.run((name, into) => {
            const given = inputs.includes(name) ? values.get(name) : undefined;
            if (given) into.set(given);
            else read(name, chunk, into);
          }, sizeOf(chunk));
          for (const name of gives) stores.get(name)!.put(chunk, piece.tensor(name));
          return piece.tensor(head.name);
        },
        end() {
          for (const [name, last] of lastReader) if (last === i) stores.delete(name);
        },
      };
    },
  };
}

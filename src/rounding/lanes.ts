// lanes.ts: a network on its way through all images, which are dealt out to the threads of a crew.
import type { SamplesReader } from "../data/browser.js";
import { inferShapes, type Network } from "../graph/index.js";
import type { ConvNode, DenseNode, Node, Shape } from "../ops/index.js";
import type { Crew } from "./crew.js";
import type { LaneSetup } from "./lane.js";
import type { MomentTotals } from "./moments.js";
import type { OutputSums } from "./output-meter.js";
import type { PartInputs } from "./part-sums.js";
import { type Segment, segmentsOf } from "./segments.js";
import { type Allocate, shared, unshared } from "./turns.js";

export interface Lanes {
  readonly segments: readonly Segment[];
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly images: number;
  readonly hasTwin: boolean;
  /** Threads that have begun. */
  readonly threads: number;
  /** Makes room for what lanes add to. */
  readonly allocate: Allocate;
  /**
   * Runs segment i on all images.
   * @param changed nodes that take the place of those of their names
   * @param outputs where what its first node makes is compared with the twin's
   */
  run(i: number, changed: readonly Node[], outputs: OutputSums | null): Promise<void>;
  /** Adds up the moments of a part of the layer that segment i begins with. @param node the layer, where it is another one */
  moments(i: number, node: ConvNode | DenseNode | null, inputs: PartInputs, totals: MomentTotals): Promise<void>;
  /** Yields the values of a tensor chunk by chunk. */
  read(name: string): AsyncGenerator<Float32Array, void, undefined>;
}

/** @param batch images of a chunk */
export async function openLanes(
  network: Network,
  twin: LaneSetup["twin"],
  { count, read }: SamplesReader,
  batch: number,
  module: WebAssembly.Module,
  crew: Crew,
): Promise<Lanes> {
  const segments = segmentsOf(network);
  const shapes = inferShapes(network);
  const all = Array.from({ length: Math.ceil(count / batch) }, (_, chunk) => chunk);
  const sizeOf = (chunk: number): number => Math.min(batch, count - chunk * batch);
  const used = Math.min(crew.threads, all.length);
  // one chunk to each in turn: what is added in their order keeps nobody waiting for long
  const shares = Array.from({ length: used }, (_, lane) => all.filter((chunk) => chunk % used === lane));
  const each = async (work: (lane: number, chunks: readonly number[]) => Promise<unknown>): Promise<void> => {
    await Promise.all(shares.map((chunks, lane) => work(lane, chunks)));
  };
  await each((lane, chunks) =>
    crew.ask(lane, { kind: "begin", setup: { network, twin, module, batch, count, chunks } }),
  );
  return {
    segments,
    shapes,
    images: count,
    hasTwin: twin !== null,
    threads: used,
    allocate: crew.threads > 1 ? shared : unshared,
    run: (segment, changed, outputs) =>
      each(async (lane, chunks) => {
        const run = (some: readonly number[], values: ReadonlyMap<string, Float32Array>) =>
          crew.ask(lane, { kind: "run", segment, chunks: some, changed, values, outputs });
        if (!segments[segment].nodes.some(({ op }) => op === "input")) return run(chunks, new Map());
        // images are read as they are needed, since those of all chunks may be many
        for (const chunk of chunks) await run([chunk], read(chunk * batch, sizeOf(chunk)));
      }),
    moments: (segment, node, inputs, totals) =>
      each((lane) => crew.ask(lane, { kind: "moments", segment, node, inputs, totals })),
    async *read(name) {
      const [channels, height, width] = shapes.get(name)!;
      for (const chunk of all) {
        const length = sizeOf(chunk) * channels * height * width;
        yield await crew.ask<Float32Array>(chunk % used, { kind: "read", name, chunk, length });
      }
    },
  };
}

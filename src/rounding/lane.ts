// lane.ts: one thread's share of the images on their way through a network: it runs segments, and sums up what layers read.
import type { ErrorCode } from "../base/index.js";
import { createRoom } from "../engine/index.js";
import { type Network, removeQuantizers } from "../graph/index.js";
import type { ConvNode, DenseNode, Node } from "../ops/index.js";
import type { MomentTotals } from "./moments.js";
import { addOutputs, type OutputSums } from "./output-meter.js";
import { addMoments, type PartInputs } from "./part-sums.js";
import { createRounder, type Rounder, type RoundingResult, type RoundingTask } from "./rounding.js";
import { createWalk, type InputValues, type SegmentRun } from "./walk.js";

/** The network that a lane runs, and its share of the images. */
export interface LaneSetup {
  readonly network: Network;
  /** The network to be followed or measured against: the same, or the one without quantize nodes. */
  readonly twin: "same" | "bare" | null;
  readonly module: WebAssembly.Module;
  /** Images of a chunk, and of all chunks. */
  readonly batch: number;
  readonly count: number;
  /** The chunks of this lane, rising. */
  readonly chunks: readonly number[];
}

/** The things that a lane is asked to do. Sums over images go to memory that lanes share. */
export type LaneRequest =
  | { readonly kind: "begin"; readonly setup: LaneSetup }
  | {
      /** Runs a segment on some of the lane's chunks, which come in their order. */
      readonly kind: "run";
      readonly segment: number;
      readonly chunks: readonly number[];
      /** Nodes that take the place of those of their names. */
      readonly changed: readonly Node[];
      readonly values: InputValues;
      readonly outputs: OutputSums | null;
    }
  | {
      /** Adds up the moments of a part of a layer's inputs, over the lane's chunks. */
      readonly kind: "moments";
      readonly segment: number;
      /** The layer, where it is another one than the network has. */
      readonly node: ConvNode | DenseNode | null;
      readonly inputs: PartInputs;
      readonly totals: MomentTotals;
    }
  | {
      /** Takes up the covariance of a part, for rows of so many weights; see Rounder. */
      readonly kind: "prepare";
      readonly n: number;
      readonly covariance: Float64Array;
      readonly damping: number;
    }
  | { readonly kind: "follow"; readonly weights: Float64Array; readonly drift: Float64Array }
  | { readonly kind: "times"; readonly weights: Float64Array }
  | { readonly kind: "round"; readonly task: RoundingTask }
  | { readonly kind: "read"; readonly name: string; readonly chunk: number; readonly length: number };

/** A request on its way to a thread, and what comes back. */
export interface Asked {
  readonly id: number;
  readonly request: LaneRequest;
}
export type Answer = { readonly id: number } & (
  | { readonly found: Found }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } }
);

/** Answers of a lane: the values of `read`, rows of `follow` and `times`, the result of `round`. */
export type Found = Float32Array | Float64Array | RoundingResult | null;

/** Does what it is asked to, with what it keeps from one request to the next. */
export function createLane(): (request: LaneRequest) => Found {
  let lane: ReturnType<typeof openLane> | null = null;
  return (request) => {
    if (request.kind === "begin") lane = openLane(request.setup);
    else return lane!(request);
    return null;
  };
}

function openLane({ network, twin: kind, module, batch, count, chunks: own }: LaneSetup) {
  const sizeOf = (chunk: number): number => Math.min(batch, count - chunk * batch);
  const walk = createWalk(network, batch, sizeOf, module);
  const followed = kind === "same" ? network : kind === "bare" ? removeQuantizers(network) : null;
  const twin = followed && createWalk(followed, batch, sizeOf, module);
  const room = createRoom(module);
  let running: { readonly own: SegmentRun; readonly twin: SegmentRun | null } | null = null;
  const begin = (i: number, changed: readonly Node[]) => {
    const nodes = walk.segments[i].nodes.map((node) => changed.find(({ name }) => name === node.name) ?? node);
    return { own: walk.begin(i, nodes), twin: twin?.begin(i, twin.segments[i].nodes) ?? null };
  };
  let rounder: Rounder | null = null;
  return (request: Exclude<LaneRequest, { kind: "begin" }>): Found => {
    switch (request.kind) {
      case "run": {
        const { segment, chunks, changed, values, outputs } = request;
        const shape = walk.shapes.get(walk.segments[segment].nodes[0].name)!;
        for (const chunk of chunks) {
          running ??= begin(segment, changed);
          const expected = running.twin?.run(chunk, values);
          const found = running.own.run(chunk, values);
          if (expected && outputs) addOutputs(outputs, shape, chunk, expected, found);
          if (chunk !== own.at(-1)) continue;
          running.own.end();
          running.twin?.end();
          running = null;
        }
        return null;
      }
      case "moments": {
        const { segment, node, inputs, totals } = request;
        const layer = node ?? (walk.segments[segment].nodes[0] as ConvNode | DenseNode);
        const shares = own.map((chunk) => [chunk, sizeOf(chunk)] as const);
        addMoments(layer, segment, [walk, twin], shares, batch, room, inputs, totals);
        return null;
      }
      case "prepare":
        // in the room of the moments, which are done
        rounder = createRounder(request.n, room);
        rounder.prepare(request.covariance, request.damping);
        return null;
      case "follow":
        return rounder!.follow(request.weights, request.drift);
      case "times":
        return rounder!.times(request.weights);
      case "round":
        return rounder!.round(request.task);
      case "read": {
        const into = new Float32Array(request.length);
        walk.read(request.name, request.chunk, into);
        return into;
      }
    }
  };
}

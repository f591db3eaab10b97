// transposed.ts: transposed convolutions, which come as convolutions of an input with zeros in between, made convolutions of
// the input itself.
//
//   y[s q + a] = sum of w[u] z[s q + a - (k - 1) + u],  z[s i] = x[i], else 0      along an axis, of stride s, padded by k - 1
//
// Of each phase a of the result only every s-th tap u meets an x. So the phases are channels of one convolution with ceil(k / s)
// taps, (O, C, ceil(k / s)) for each phase, whose result is put in order by a permute; a slice cuts what padding left out.
import {
  type BatchNormNode,
  type ConvNode,
  type GatherNode,
  type Node,
  type NodeOf,
  nodeInputs,
  type Shape,
  sameShape,
  type Tensor,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { inferShapes, readersOf } from "./shapes.js";

/** A convolution along one axis. */
interface Axis {
  /** Elements of the input from which zeros keep the next, 1 where there are none. */
  readonly stride: number;
  readonly kernel: number;
  /** Taps of a phase. */
  readonly taps: number;
  /** The first row of the whole result that is wanted, how many are, and how many there are. */
  readonly from: number;
  readonly wanted: number;
  readonly whole: number;
}

/** A node behind a convolution that works on every element, or on every channel. */
type Follower = NodeOf<"activation" | "batchNorm" | "elementwise" | "leakyRelu" | "relu">;
const FOLLOWERS: readonly Node["op"][] = ["activation", "batchNorm", "elementwise", "leakyRelu", "relu"];

/**
 * Makes every convolution of an input with zeros between its elements one of the input itself, where nothing else reads the zeros.
 * Batch norm and functions of single elements behind it stay directly behind it. Outputs keep their names.
 * @internal
 */
export function joinPhases(network: Network): Network {
  const spreads = network.nodes.filter((node) => node.op === "gather" && spreadOf(node) !== null);
  if (spreads.length === 0) return network;
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  const shapes = inferShapes(network);
  const readers = readersOf(network.nodes);
  const outputs = new Set(network.outputs);
  const isAlone = (name: string): boolean => readers.get(name)!.length === 1 && !outputs.has(name);
  const made = new Map<string, readonly Node[]>();
  for (const { name } of spreads) {
    const spread = nodes.get(name) as GatherNode;
    const [conv] = readers.get(name)!;
    if (!isAlone(name) || conv.op !== "conv") continue;
    const axes = axesOf(conv, spreadOf(spread)!, shapes.get(spread.input)!, shapes.get(conv.name)!);
    if (!axes) continue;
    const behind: Follower[] = [];
    for (let last: Node = conv; isAlone(last.name); ) {
      const [next]: readonly Node[] = readers.get(last.name)!;
      if (!FOLLOWERS.includes(next.op) || nodeInputs(next).length !== 1) break;
      behind.push(next as Follower);
      last = next;
    }
    made.set(name, []);
    for (const follower of behind) made.set(follower.name, []);
    made.set(conv.name, []);
    const end = behind.at(-1) ?? conv;
    made.set(end.name, phased(spread.input, conv, axes, behind, new Set(nodes.keys())));
  }
  return { ...network, nodes: network.nodes.flatMap((node) => made.get(node.name) ?? [node]) };
}

/** Returns how far apart a gather puts rows and columns, with zeros in between; null for any other gather. */
function spreadOf({ channels, rows, columns, value }: GatherNode): readonly [number, number] | null {
  if (value !== 0 || channels.some((c, i) => c !== i)) return null;
  const strides = [rows, columns].map((list) => {
    const second = list.indexOf(1);
    const stride = second < 0 ? list.length : second;
    const fits = list.every((place, i) => place === (i % stride === 0 ? i / stride : -1));
    return fits && (list.length - 1) % stride === 0 ? stride : 0;
  });
  const [down, right] = strides;
  return down > 0 && right > 0 && down * right > 1 ? [down, right] : null;
}

/** The axes of a convolution of an input that was spread; null where its result reaches behind that of all products. */
function axesOf(
  { weight, stride, dilation, padding }: ConvNode,
  spread: readonly [number, number],
  input: Shape,
  output: Shape,
): readonly [Axis, Axis] | null {
  if ([...stride, ...dilation].some((n) => n !== 1)) return null;
  const [down, right] = ([0, 1] as const).map((i): Axis => {
    const [step, kernel] = [spread[i], weight.shape[2 + i]];
    const taps = Math.ceil(kernel / step);
    const whole = step * (input[1 + i] + taps - 1);
    return { stride: step, kernel, taps, from: kernel - 1 - padding[i], wanted: output[1 + i], whole };
  });
  return [down, right].every(({ from, wanted, whole }) => from >= 0 && from + wanted <= whole) ? [down, right] : null;
}

/** The convolution of all phases, what follows it, and the moves that put the result in order. */
function phased(
  input: string,
  conv: ConvNode,
  axes: readonly [Axis, Axis],
  behind: readonly Follower[],
  taken: Set<string>,
): readonly Node[] {
  const [down, right] = axes;
  const phases = down.stride * right.stride;
  const [outputs] = conv.weight.shape;
  const end = (behind.at(-1) ?? conv).name;
  const named = (word: string): string => {
    let name = `${end}.${word}`;
    while (taken.has(name)) name += "+";
    taken.add(name);
    return name;
  };
  const repeated = ({ data }: Tensor): Tensor => ({
    shape: [data.length * phases],
    data: Float32Array.from({ length: data.length * phases }, (_, i) => data[Math.floor(i / phases)]),
  });
  // the last one's name is that of the result
  const own = (name: string): string => (name === end ? named("phases") : name);
  const padding = [down.taps - 1, right.taps - 1, down.taps - 1, right.taps - 1] as const;
  const first: ConvNode = {
    ...conv,
    name: own(conv.name),
    input,
    padding,
    weight: phasesOf(conv.weight, axes),
    bias: conv.bias && repeated(conv.bias),
  };
  const nodes: Node[] = [first];
  for (const node of behind) {
    const from = nodes[nodes.length - 1].name;
    const moved = { ...node, name: own(node.name), input: from };
    nodes.push(moved.op === "batchNorm" ? withNorm(moved, repeated) : moved);
  }
  const [rows, columns] = [down.whole / down.stride, right.whole / right.stride];
  const whole: Shape = [outputs, down.whole, right.whole];
  const shape: Shape = [outputs, down.wanted, right.wanted];
  const isWhole = sameShape(whole, shape);
  nodes.push({
    op: "permute",
    name: isWhole ? end : named("whole"),
    input: nodes[nodes.length - 1].name,
    dims: [outputs, down.stride, right.stride, rows, columns],
    order: [0, 3, 1, 4, 2],
    shape: whole,
  });
  if (isWhole) return nodes;
  const start: Shape = [0, down.from, right.from];
  const stop: Shape = [outputs, down.from + down.wanted, right.from + right.wanted];
  const cut: Node = { op: "slice", name: end, input: nodes[nodes.length - 1].name, start, stop, step: [1, 1, 1] };
  return [...nodes, cut];
}

function withNorm(node: BatchNormNode, repeated: (tensor: Tensor) => Tensor): BatchNormNode {
  const { gamma, beta, mean, variance } = node;
  return {
    ...node,
    gamma: repeated(gamma),
    beta: repeated(beta),
    mean: repeated(mean),
    variance: repeated(variance),
  };
}

/** Weights (O, C, rows, columns) as (O phases, C, taps, taps): a phase has every stride-th tap, and zeros where it has fewer than others. */
function phasesOf({ shape, data }: Tensor, [down, right]: readonly [Axis, Axis]): Tensor {
  const [outputs, inputs, height, width] = shape;
  const result = new Float32Array(outputs * down.stride * right.stride * inputs * down.taps * right.taps);
  let to = 0;
  for (let o = 0; o < outputs; o++) {
    for (let a = 0; a < down.stride; a++) {
      for (let b = 0; b < right.stride; b++) {
        for (let c = 0; c < inputs; c++) {
          const plane = (o * inputs + c) * height;
          for (let i = 0; i < down.taps; i++) {
            const u = tapOf(down, a, i);
            for (let j = 0; j < right.taps; j++, to++) {
              const v = tapOf(right, b, j);
              if (u < height && v < width && u >= 0 && v >= 0) result[to] = data[(plane + u) * width + v];
            }
          }
        }
      }
    }
  }
  const channels = outputs * down.stride * right.stride;
  return { shape: [channels, inputs, down.taps, right.taps], data: result };
}

/** The tap u that meets the i-th of the elements under a phase: s (i - (taps - 1)) = a - (k - 1) + u. */
function tapOf({ stride, kernel, taps }: Axis, phase: number, i: number): number {
  return stride * (i - (taps - 1)) - phase + kernel - 1;
}

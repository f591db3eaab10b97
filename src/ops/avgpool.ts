// avgpool.ts: means over windows and over whole planes; with windows of 1x1 the way from one encoding to another.
import { type Check, INT32_MAX } from "../format/index.js";
import { checkEpilogue, type Epilogue, finish, sharedEpilogue } from "./epilogue.js";
import { pair, tensor } from "./field.js";
import { foldEpilogue } from "./fold.js";
import { convOutputShape, elements, largestOf } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Lowering } from "./lowering.js";
import { checkShape, checkWindow, eachWindow } from "./window.js";

/** Sum over windows, then the epilogue with a scale and offset that every channel shares (length 1). No padding. */
export interface AvgPoolLayer {
  readonly op: "avgPool";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly epilogue: Epilogue;
}

/** Mean over windows without padding. */
export interface AvgPoolNode {
  readonly op: "avgPool";
  readonly name: string;
  readonly input: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
}

/** Mean over all rows and columns: [c, h, w] to [c, 1, 1]. */
export interface GlobalAvgPoolNode {
  readonly op: "globalAvgPool";
  readonly name: string;
  readonly input: string;
}

export const avgPoolLayer: LayerKind<AvgPoolLayer> = {
  since: 1,
  fields: { input: tensor, kernel: pair, stride: pair, epilogue: sharedEpilogue },
  check(layer, [input], output, check: Check) {
    checkWindow(layer, input.shape, check);
    checkShape(output, convOutputShape(input.shape, input.shape[0], layer), check);
    const sum = elements(layer.kernel) * (largestOf(input.encoding) ?? 0);
    check(sum <= INT32_MAX, "kernel", `sums up to ${INT32_MAX}`, sum, "OVERFLOW");
    checkEpilogue(layer.epilogue, 1, check);
  },
  run(layer, [input], output) {
    const float = input.spec.encoding.kind === "float32";
    return eachWindow(input, output, layer, (values) => {
      const sum = values.reduce((acc, v) => (float ? Math.fround(acc + v) : acc + v), 0);
      return finish(sum, 0, layer.epilogue, null, output.encoding);
    });
  },
};

export const avgPoolNode: NodeKind<AvgPoolNode> = {
  since: 1,
  fields: { input: tensor, kernel: pair, stride: pair },
  role: () => "mean",
  shape(node, [input], check: Check) {
    checkWindow(node, input, check);
    return convOutputShape(input, input[0], node);
  },
  lower: ({ name, kernel, stride }, lowering) => lowerMean(lowering, name, kernel, stride),
};

export const globalAvgPoolNode: NodeKind<GlobalAvgPoolNode> = {
  since: 1,
  fields: { input: tensor },
  role: () => "mean",
  shape: (_, [[channels]]) => [channels, 1, 1],
  lower({ name }, lowering) {
    const [, height, width] = lowering.spec(lowering.sources[0]).shape;
    lowerMean(lowering, name, [height, width], [1, 1]);
  },
};

type Pair = readonly [number, number];

/** Adds the sum over a window times 1 / its size. With a window of 1x1 it hands its input on in another encoding. */
export function lowerMean(
  lowering: Pick<Lowering, "sources" | "output" | "encoding" | "ending" | "spec" | "push">,
  name: string,
  kernel: Pair = [1, 1],
  stride: Pair = [1, 1],
): void {
  const { sources, output, encoding, ending } = lowering;
  const [input] = sources;
  const size = elements(kernel);
  const given = lowering.spec(input).encoding;
  const affine = { channels: 1, input: given, output: encoding, units: [1 / size], sums: [size], ending };
  const { epilogue } = foldEpilogue(affine);
  lowering.push<AvgPoolLayer>({ op: "avgPool", name, input, output, kernel, stride, epilogue }, encoding);
}

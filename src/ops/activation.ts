// activation.ts: functions of one value, as a layer and a node of their own.
import { type Check, isWritable } from "../format/index.js";
import { lowerMean } from "./avgpool.js";
import { choice, numbers, tensor } from "./field.js";
import { type ActivationName, activationOf, FUNCTIONS } from "./functions.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { applied } from "./numeric.js";
import { checkShape } from "./window.js";

/** A function of every real value. Any encodings. */
export interface ActivationLayer {
  readonly op: "activation";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly fn: ActivationName;
  readonly parameters: readonly number[];
}

/** Any other function of every value; those that have a node of their own are not written like this. */
export interface ActivationNode {
  readonly op: "activation";
  readonly name: string;
  readonly input: string;
  readonly fn: Exclude<ActivationName, "leakyRelu">;
  readonly parameters: readonly number[];
}

const NAMES = Object.keys(FUNCTIONS) as ActivationName[];

function checkFunction(
  { fn, parameters }: Pick<ActivationLayer, "fn" | "parameters">,
  check: Check,
  fits: (x: number) => boolean = Number.isFinite,
): void {
  check(Object.hasOwn(FUNCTIONS, fn), "fn", `one of ${NAMES.join(", ")}`, fn);
  const count = FUNCTIONS[fn].length;
  const ok = parameters.length === count && parameters.every(fits);
  check(ok, "parameters", `${count} finite numbers`, parameters);
}

export const activationLayer: LayerKind<ActivationLayer> = {
  since: 1,
  fields: { input: tensor, fn: choice(NAMES), parameters: numbers },
  check(layer, [input], output, check: Check) {
    checkFunction(layer, check, isWritable);
    checkShape(output, input.shape, check);
  },
  run: ({ fn, parameters }, [input], output) => applied(activationOf(fn, parameters), input, output),
};

export const activationNode: NodeKind<ActivationNode> = {
  since: 1,
  fields: {
    input: tensor,
    fn: /* @__PURE__ */ choice(/* @__PURE__ */ NAMES.filter((fn) => fn !== "leakyRelu")),
    parameters: numbers,
  },
  role: ({ fn }) => (fn === "clip" ? "clamp" : "float"),
  // no file holds -0
  ending: ({ fn, parameters: [low, high] }) => (fn === "clip" ? { clamp: { low: low + 0, high: high + 0 } } : null),
  shape: (_, [input]) => input,
  check: (node, check) => checkFunction(node, check),
  lower({ op, name, fn, parameters }, lowering) {
    const { sources, output, encoding, push } = lowering;
    if (fn === "clip") lowerMean(lowering, name);
    else
      push<ActivationLayer>(
        { op, name, input: sources[0], output, fn, parameters: parameters.map((x) => x + 0) },
        encoding,
      );
  },
};

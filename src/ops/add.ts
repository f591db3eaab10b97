// add.ts: the sum of two tensors of one shape.
import type { Check } from "../format/index.js";
import {
  checkEpilogue,
  checkResidual,
  type Epilogue,
  finish,
  type Residual,
  residual,
  residualAt,
  sharedEpilogue,
} from "./epilogue.js";
import { tensor, twoTensors } from "./field.js";
import { foldEpilogue } from "./fold.js";
import { sameShape } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { checkShape } from "./window.js";

/**
 * The sum of two tensors that no convolution could take in: acc is input a's raw value, b the residual. Scale and offset
 * have length 1.
 */
export interface AddLayer {
  readonly op: "add";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly epilogue: Epilogue;
  readonly residual: Residual;
}

/** The sum of two tensors of one shape. */
export interface AddNode {
  readonly op: "add";
  readonly name: string;
  readonly inputs: readonly [string, string];
}

export const addLayer: LayerKind<AddLayer> = {
  since: 1,
  fields: { input: tensor, epilogue: sharedEpilogue, residual },
  check(layer, [input, operand], output, check: Check) {
    checkShape(output, input.shape, check);
    checkEpilogue(layer.epilogue, 1, check);
    checkResidual(layer.residual, operand, output, check);
  },
  run: (layer, [input, operand], { encoding }) =>
    input.raw.map((value, i) => finish(value, 0, layer.epilogue, residualAt(operand, layer.residual, i), encoding)),
};

export const addNode: NodeKind<AddNode> = {
  since: 1,
  fields: { inputs: twoTensors },
  role: () => "sum",
  shape(_, inputs, check: Check) {
    check(inputs.length === 2, "inputs", "two inputs", inputs.length);
    const [a, b] = inputs;
    check(sameShape(a, b), "inputs", `shape ${a.join("x")}`, b.join("x"));
    return a;
  },
  lower({ op, name }, { sources: [input, other], output, encoding, ending, spec, push }) {
    const [a, b] = [spec(input).encoding, spec(other).encoding];
    const affine = { channels: 1, input: a, output: encoding, units: [1], sums: [1], residual: b, ending };
    const { epilogue, residualScale: scale } = foldEpilogue(affine);
    push<AddLayer>({ op, name, input, output, epilogue, residual: { tensor: other, scale } }, encoding);
  },
};

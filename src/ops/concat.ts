// concat.ts: channels of several tensors one after the other.
import type { Check } from "../format/index.js";
import { tensors } from "./field.js";
import { sameEncoding } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Shape } from "./tensor.js";
import { checkShape } from "./window.js";

interface Fields {
  readonly op: "concat";
  readonly name: string;
  readonly inputs: readonly string[];
}

/** Channels of several tensors one after the other; all share the output's encoding. */
export interface ConcatLayer extends Fields {
  readonly output: string;
}
/** Channels of several tensors one after the other. */
export interface ConcatNode extends Fields {}

const fields = { inputs: tensors };

function shapeOf(inputs: readonly Shape[], check: Check): Shape {
  check(inputs.length > 0, "inputs", "at least one", 0);
  const [[, height, width]] = inputs;
  for (const [, rows, columns] of inputs) {
    check(rows === height && columns === width, "inputs", `${height}x${width} rows and columns`, `${rows}x${columns}`);
  }
  return [inputs.reduce((sum, [channels]) => sum + channels, 0), height, width];
}

export const concatLayer: LayerKind<ConcatLayer> = {
  since: 1,
  fields,
  check(_, inputs, output, check: Check) {
    checkShape(
      output,
      shapeOf(
        inputs.map(({ shape }) => shape),
        check,
      ),
      check,
    );
    for (const { encoding } of inputs) {
      check(sameEncoding(encoding, output.encoding), "inputs", "the output's encoding", encoding);
    }
  },
  run(_, inputs) {
    const result = new Float32Array(inputs.reduce((sum, { raw }) => sum + raw.length, 0));
    let at = 0;
    for (const { raw } of inputs) {
      result.set(raw, at);
      at += raw.length;
    }
    return result;
  },
};

export const concatNode: NodeKind<ConcatNode> = {
  since: 1,
  fields,
  role: () => "move",
  shape: (_, inputs, check) => shapeOf(inputs, check),
  lower({ op, name }, { sources, output, spec, toFloat32, push }) {
    const encodings = sources.map((source) => spec(source).encoding);
    const agree = encodings.every((other) => sameEncoding(other, encodings[0]));
    const inputs = agree ? sources : sources.map(toFloat32);
    push<ConcatLayer>({ op, name, inputs, output }, agree ? encodings[0] : { kind: "float32" });
  },
};

// epilogue.ts: what a layer that computes sums ends with: its fields in the file, its check, its plain arithmetic.
import { isArray } from "../base/index.js";
import { type Check, isFloat32, isWritable, fields as json, storeFloats } from "../format/index.js";
import type { Field } from "./field.js";
import { sameShape } from "./geometry.js";
import { clampTo, encodeClamped, epilogueBounds } from "./numeric.js";
import type { Encoding, Shape, TensorSpec, Values } from "./tensor.js";

/**
 * Bounds of real values; either may be absent. ReLU is { low: 0 }. An epilogue applies them to its z (below) as
 * fround(low / scale + zero) and fround(high / scale + zero) with the output's scale and zero point, 1 and 0 for float32.
 */
export interface Clamp {
  readonly low?: number;
  readonly high?: number;
}

/**
 * The end of every layer that computes. It is in float32, rounds once an operation and keeps this order:
 *   z = fround(fround(scale[c] * acc) + offset[c])          acc: int32 sum rounded to float32 (or a float layer's sum)
 *   z = fround(z + fround(residualScale * r))               r: the residual operand's raw integer (or float)
 *   z = min(max(z, low), high)
 *   encode z as the output's encoding (linear: round half to even, then 0..max)
 * z counts in units of the output's scale, with its zero added: the file holds scale and offset ready folded.
 */
export interface Epilogue {
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  readonly clamp: Clamp;
}

/**
 * The part of a layer's epilogue that a chain of nodes says itself; scale and offset are folded from the rest of the
 * chain.
 */
export type Ending = Omit<Epilogue, "scale" | "offset">;

/** A second operand that a layer adds to its sums. */
export interface Residual {
  readonly tensor: string;
  /** scale of the residual's encoding / scale of the output's; its zero point is folded into `offset`. */
  readonly scale: number;
}

/** An ending that does nothing. */
export const NO_ENDING: Ending = { clamp: {} };

/** An ending followed by another, as one; null where the steps of an epilogue do not come in that order. */
export function joined({ clamp: first }: Ending, { clamp: then }: Ending): Ending | null {
  const hold = (bound: number | undefined) =>
    bound === undefined ? bound : Math.min(Math.max(bound, then.low ?? -Infinity), then.high ?? Infinity);
  return { clamp: boundsOf({ low: hold(first.low) ?? then.low, high: hold(first.high) ?? then.high }) };
}

function readClamp(value: unknown, where: string): Clamp {
  const { low, high } = json.record(value, where, [], ["low", "high"]);
  return boundsOf({
    low: low === undefined ? low : json.number(low, `${where}.low`),
    high: high === undefined ? high : json.number(high, `${where}.high`),
  });
}

/** The bounds that there are, in the order of the file. */
function boundsOf({ low, high }: { low?: number; high?: number }): Clamp {
  return { ...(low !== undefined && { low }), ...(high !== undefined && { high }) };
}

/** Scale and offset as stored tensors, the clamp in the JSON. */
function epilogueOf(channels: (output: Shape) => number): Field<Epilogue> {
  return {
    key: "clamp",
    read(value, place, { name, sofar, source, shapeOf }) {
      const length = channels(shapeOf(sofar.output as string));
      return {
        scale: source.floats(`${name}.scale`, [length]),
        offset: source.floats(`${name}.offset`, [length]),
        clamp: readClamp(value, place),
      };
    },
    write({ scale, offset, clamp }, { store }) {
      store("scale", storeFloats([scale.length], scale));
      store("offset", storeFloats([offset.length], offset));
      return boundsOf(clamp);
    },
  };
}

/** An epilogue with a scale and an offset for every output channel. */
export const epilogue = /* @__PURE__ */ epilogueOf(([channels]) => channels);
/** An epilogue whose one scale and offset all channels share. */
export const sharedEpilogue = /* @__PURE__ */ epilogueOf(() => 1);

/** A second operand and its factor. */
export const residual: Field<Residual> = {
  read(value, place) {
    const found = json.record(value, place, ["tensor", "scale"]);
    return {
      tensor: json.identifier(found.tensor, `${place}.tensor`),
      scale: json.number(found.scale, `${place}.scale`),
    };
  },
  write: ({ tensor, scale }) => ({ tensor, scale }),
  names: ({ tensor }) => [tensor],
  renamed: ({ tensor, scale }, to) => ({ tensor: to(tensor), scale }),
};
export const optionalResidual: Field<Residual> = { ...residual, optional: true };

/** @throws BAD_GRAPH for wrong lengths, values that are not finite, bounds in the wrong order */
export function checkEpilogue({ scale, offset, clamp }: Epilogue, channels: number, check: Check): void {
  for (const [field, values] of Object.entries({ scale, offset })) {
    check(isArray(values, "Float32Array"), field, "a Float32Array", values);
    check(values.length === channels, field, `${channels} values`, values.length);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    check(bad < 0, `${field}[${bad}]`, "a finite number", String(values[bad]));
  }
  const { low, high } = clamp;
  for (const bound of [low, high]) {
    check(bound === undefined || isWritable(bound), "clamp", "finite bounds other than -0", bound);
  }
  check(low === undefined || high === undefined || low <= high, "clamp", "low <= high", { low, high });
}

/** @param operand the tensor that is added; undefined where nothing is */
export function checkResidual(
  given: Residual | undefined,
  operand: TensorSpec | undefined,
  output: TensorSpec,
  check: Check,
): void {
  if (!given || !operand) return;
  const expected = `shape ${output.shape.join("x")}`;
  check(sameShape(operand.shape, output.shape), "residual", expected, operand.shape.join("x"));
  check(
    isFloat32(given.scale) && isWritable(given.scale),
    "residual.scale",
    "a finite float32 other than -0",
    given.scale,
  );
}

/**
 * Computes one output: the sequence of docs/arithmetic.md, section 3. An int32 accumulator is first rounded to float32.
 * @param added the residual operand times its scale, rounded; null where nothing is added
 */
export function finish(acc: number, c: number, ending: Epilogue, added: number | null, encoding: Encoding): number {
  let z = Math.fround(Math.fround(Math.fround(acc) * ending.scale[c]) + ending.offset[c]);
  if (added !== null) z = Math.fround(z + added);
  const { low, high } = epilogueBounds(ending.clamp, encoding);
  return encodeClamped(clampTo(z, low, high, encoding), encoding);
}

/** The residual operand of output i times its scale; null where nothing is added. */
export function residualAt(operand: Values | undefined, given: Residual | undefined, i: number): number | null {
  return operand && given ? Math.fround(operand.raw[i] * Math.fround(given.scale)) : null;
}

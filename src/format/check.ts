// check.ts: one check of a model; its error names the place.
import { type ErrorCode, ShiftwiseError } from "../base/index.js";
import { at } from "./fields.js";

/** The largest sum of a layer, and the most elements of all tensors. */
export const INT32_MAX = 0x7fffffff;

/** @throws ShiftwiseError unless ok */
export type Check = (ok: boolean, place: string, expected: string, found: unknown, code?: ErrorCode) => asserts ok;

/**
 * Makes the check of one place.
 * @param what is wrong where a check fails
 */
export function checker(where: string, what = "invalid model"): Check {
  return (ok, place, expected, found, code = "BAD_GRAPH") => {
    if (!ok) throw new ShiftwiseError(code, what, { where: at(where, place), expected, found });
  };
}

export function isFloat32(x: number): boolean {
  return Number.isFinite(x) && Math.fround(x) === x;
}

/** Whether a file can hold x: JSON has neither NaN nor infinities, and loses the sign of -0. */
export function isWritable(x: number): boolean {
  return Number.isFinite(x) && !Object.is(x, -0);
}

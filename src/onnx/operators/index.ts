// index.ts: every operator that is read, by name and version.
import { ATTENTION } from "./attention.js";
import { BINARY } from "./binary.js";
import { BOUNDS } from "./bounds.js";
import { BRANCHES } from "./branch.js";
import { CONSTANTS } from "./constants.js";
import { CONVOLUTIONS } from "./conv.js";
import { EINSUM } from "./einsum.js";
import { FUSED } from "./fused.js";
import { GRIDS } from "./grid.js";
import { INTEGERS } from "./integer.js";
import { LEVELS } from "./levels.js";
import { LOGIC } from "./logic.js";
import { LOOKUPS } from "./lookup.js";
import { MATRICES } from "./matrix.js";
import { MICROSOFT } from "./microsoft.js";
import { NORMS } from "./norm.js";
import { NORM_POOLS } from "./norm-pool.js";
import type { Operator, Operators } from "./operator.js";
import { ORDERS } from "./order.js";
import { PADS } from "./pad.js";
import { PICKS } from "./pick.js";
import { PLACES } from "./places.js";
import { POOLS } from "./pool.js";
import { QUANTIZERS } from "./quantize.js";
import { QUANTIZED } from "./quantized.js";
import { RECURRENT } from "./recurrent.js";
import { REDUCTIONS } from "./reduce.js";
import { RESIZES } from "./resize.js";
import { SELECTIONS } from "./select.js";
import { SHAPES } from "./shape.js";
import { TRANSPOSED } from "./transposed.js";
import { TRIGONOMETRY } from "./trigonometry.js";
import { UNARY } from "./unary.js";

/** A family is a file here; a new operator is a record in one of them. */
export const OPERATORS: Operators = {
  ...ATTENTION,
  ...BINARY,
  ...BOUNDS,
  ...BRANCHES,
  ...CONSTANTS,
  ...CONVOLUTIONS,
  ...EINSUM,
  ...FUSED,
  ...GRIDS,
  ...INTEGERS,
  ...LEVELS,
  ...LOGIC,
  ...MATRICES,
  ...MICROSOFT,
  ...NORM_POOLS,
  ...NORMS,
  ...ORDERS,
  ...PADS,
  ...PICKS,
  ...LOOKUPS,
  ...PLACES,
  ...POOLS,
  ...QUANTIZED,
  ...QUANTIZERS,
  ...RECURRENT,
  ...REDUCTIONS,
  ...RESIZES,
  ...SELECTIONS,
  ...SHAPES,
  ...TRANSPOSED,
  ...TRIGONOMETRY,
  ...UNARY,
};

/** A node's operator by name, with its domain if that is not ONNX's own. */
export function operatorName({ domain, op }: { readonly domain: string; readonly op: string }): string {
  return domain === "" ? op : `${domain}.${op}`;
}

/** The operator of that name as version `opset` of its domain has it; undefined where there is none. */
export function findOperator(name: string, opset: number): Operator | undefined {
  const entry = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (!entry || !("versions" in entry)) return entry;
  const since = Object.keys(entry.versions)
    .map(Number)
    .filter((first) => first <= opset);
  return entry.versions[Math.max(...since)];
}

// index.ts: all operators that can be evaluated, by name.
import type { Operator } from "./call.js";
import { CONVOLUTIONS } from "./conv.js";
import { ELEMENTWISE } from "./elementwise.js";
import { MATRICES } from "./matrix.js";
import { MOVES } from "./move.js";
import { POOLS } from "./pool.js";
import { QUANTIZERS } from "./quantize.js";
import { REDUCTIONS } from "./reduce.js";
import { RESIZES } from "./resize.js";
import { SHAPES } from "./shape.js";

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...CONVOLUTIONS,
  ...ELEMENTWISE,
  ...MATRICES,
  ...MOVES,
  ...POOLS,
  ...QUANTIZERS,
  ...REDUCTIONS,
  ...RESIZES,
  ...SHAPES,
};

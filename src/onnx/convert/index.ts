// index.ts: all operators that may become part of a network, by name.
import { CONVOLUTIONS } from "./conv.js";
import type { Converter } from "./draft.js";
import { ELEMENTWISE } from "./elementwise.js";
import { MOVES } from "./move.js";
import { POOLS } from "./pool.js";

export const CONVERTERS: Readonly<Record<string, Converter>> = { ...CONVOLUTIONS, ...ELEMENTWISE, ...MOVES, ...POOLS };

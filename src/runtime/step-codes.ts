// step-codes.ts: the numbers of functions in steps. Both compilers read this file: numbers, and nothing else.

// two values at a time
export const MUL = 0;
export const SIGMOID = 1;
export const ADD = 2;
export const SUB = 3;
export const DIV = 4;
export const CONSTANT = 5;
export const MAX = 6;
export const MIN = 7;
export const CLIP = 8;
export const LEAKY_RELU = 9;
export const PRELU = 10;
export const HARD_SIGMOID = 11;
export const HARD_SWISH = 12;
export const EXP = 13;
export const TANH = 14;
export const ELU = 15;
export const ABS = 16;
export const SQRT = 17;
export const FLOOR = 18;
export const ROUND = 19;
export const SIGN = 20;
export const EQUAL = 21;
export const LESS = 22;
export const WHERE = 23;
// one value at a time, from here on
export const ATAN = 24;
export const COS = 25;
export const ERF = 26;
export const LOG = 27;
export const MOD = 28;
export const POW = 29;
export const SIN = 30;

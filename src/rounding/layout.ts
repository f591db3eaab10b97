// layout.ts: what the kernels of rounding and their host both know; both compilers read this file.

/** Columns of a matrix that products take at a time. */
export const PANEL = 64;

/** Rows of weights, one for each output channel, that are in the kernels' memory at a time: a matrix is packed anew for each such block. */
export const ROWS = 256;

/** Levels of a table at most, and tables at a time. */
export const TABLE = 256;
export const TABLES = 32;

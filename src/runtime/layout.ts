// layout.ts: what kernels and host must agree on. Both compilers read this file: numbers, and nothing else.

/** Output pixels of a tile, and bytes of a row of u8 values: one for each of them. */
export const TILE = 64;
/** Pixels of a panel, in which the float32 rows of a tile lie: assembly/runtime/gather.ts. */
export const PANEL = 8;
/** Output channels that dense layers sum at a time. */
export const BLOCK = 16;

/** Bytes of a part of a tile's sum: assembly/runtime/shared/lanes.ts. */
export const PART_BYTES = 128;
/** Rows of u8 values that a part can hold the sum of: 128 * 255 fits a signed 16-bit lane. */
export const PART_ROWS = 128;

/** The op of a segment of weights doubles the lanes, leaves them as a part, or ends the channel: assembly/runtime/shared/buckets.ts. */
export const DOUBLE = 0;
export const PARK = 1;
export const END = 2;
/** Added to the op of a part whose lanes the complements of rows have raised: a bias follows its rows. */
export const RAISED = 4;

/** The encodings of an epilogue. */
export const LINEAR = 0;
export const LEVELS = 1;
export const FLOAT32 = 2;

/** The first word behind a channel's segments holds its parts, and this where end_bytes ends it: assembly/runtime/shared/short-epilogue.ts. */
export const SHORT = 0x8000;

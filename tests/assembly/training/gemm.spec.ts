// gemm.spec.ts: the product kernels against scalar sums, for every count of rows around the tile.
import { gemmPanel, gemmRuns } from "../../../assembly/training/shared/gemm";

/** Small integers: their float32 sums are exact, so results must be equal. */
function value(i: i32): f32 {
  return <f32>(((i * 37) % 19) - 9);
}

function fill(length: i32): StaticArray<f32> {
  const array = new StaticArray<f32>(length);
  for (let i = 0; i < length; i++) array[i] = value(i);
  return array;
}

function checkPanel(rows: i32, depth: i32, accumulate: bool): void {
  const padded = (rows + 3) & ~3;
  const a = fill(padded * max<i32>(depth, 1));
  const b = fill(8 * max<i32>(depth, 1));
  const bias = fill(padded);
  const c = new StaticArray<f32>(rows * 10 + 1);
  c.fill(5);
  gemmPanel(
    changetype<usize>(a),
    changetype<usize>(b),
    changetype<usize>(c),
    40,
    depth,
    rows,
    changetype<usize>(bias),
    accumulate,
  );
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < 8; n++) {
      let sum = bias[m] + (accumulate ? <f32>5 : <f32>0);
      for (let k = 0; k < depth; k++) sum += a[((m >> 2) * depth + k) * 4 + (m & 3)] * b[k * 8 + n];
      expect<f32>(c[m * 10 + n]).toBe(sum);
    }
    expect<f32>(c[m * 10 + 8]).toBe(5, "written beside the tile");
  }
  expect<f32>(c[rows * 10]).toBe(5, "written behind the last row");
}

describe("gemmPanel", () => {
  it("writes rows below, at and above the tile, and depth 0", () => {
    for (let rows = 1; rows < 10; rows++) {
      for (let depth = 0; depth < 4; depth++) checkPanel(rows, depth, false);
    }
  });
  it("accumulates", () => {
    checkPanel(7, 3, true);
    checkPanel(4, 1, true);
  });
});

describe("gemmRuns", () => {
  it("walks runs of any count and step, and stops at the pixel it is told", () => {
    const x = fill(64);
    const d = fill(8 * 9);
    const c = new StaticArray<f32>(32);
    // offsets 0, 1, 2 then 10, 13, 16, 19, 22, then 40 (of a longer run)
    const runs: StaticArray<u32> = [0, 3, 4, 40, 5, 12, 160, 4, 4];
    const offsets: StaticArray<i32> = [0, 1, 2, 10, 13, 16, 19, 22, 40];
    const at = changetype<usize>(x);
    gemmRuns(at, at + 4, at + 8, at + 20, changetype<usize>(runs), 9, changetype<usize>(d), changetype<usize>(c));
    const taps: StaticArray<i32> = [0, 1, 2, 5];
    for (let k = 0; k < 4; k++) {
      for (let n = 0; n < 8; n++) {
        let sum: f32 = 0;
        for (let p = 0; p < 9; p++) sum += x[taps[k] + offsets[p]] * d[p * 8 + n];
        expect<f32>(c[k * 8 + n]).toBe(sum);
      }
    }
  });
});

import { GatherJob, gather_u8, SplitJob, split_phases_u8, tile_masks } from "../../../assembly/runtime/gather";

const plane = memory.data(512, 16);
const patch = memory.data(192, 16);
const masks = memory.data(128, 16);
const tapMasks = memory.data(16, 16);
const offsets = memory.data(16, 16);
const columns = memory.data(128, 16);
const rows = memory.data(128, 16);
const split = changetype<SplitJob>(memory.data(32, 16));
const job = changetype<GatherJob>(memory.data(64, 16));

describe("tile_masks and gather_u8", () => {
  it("shift a row by one pixel and fill what lies outside", () => {
    // one row of 64 pixels, tap at column x - 1
    for (let j = 0; j < 64; j++) {
      store<u8>(plane + 64 + j, <u8>(j + 1));
      store<u8>(columns + j, j == 0 ? 0 : 255);
      store<u8>(rows + j, 255);
    }
    store<u32>(tapMasks, <u32>columns);
    store<u32>(tapMasks + 4, <u32>rows);
    store<i32>(offsets, -1);
    job.planes = plane + 64;
    job.planeBytes = 512;
    job.taps = 1;
    job.offsets = offsets;
    job.tapMasks = tapMasks;
    job.fill = 0;
    tile_masks(job, masks, 0);
    gather_u8(job, patch, masks, 0, 1, 0);
    expect<u8>(load<u8>(patch)).toBe(0);
    expect<u8>(load<u8>(patch + 1)).toBe(1);
    expect<u8>(load<u8>(patch + 63)).toBe(63);
    job.fill = 77;
    gather_u8(job, patch, masks, 0, 1, 0);
    expect<u8>(load<u8>(patch)).toBe(77);
    expect<u8>(load<u8>(patch + 63)).toBe(63);
  });
});

describe("split_phases_u8", () => {
  it("parts odd from even rows and columns, also at odd sizes", () => {
    // 3 x 5: value = 10 row + column
    for (let y = 0; y < 3; y++) for (let x = 0; x < 5; x++) store<u8>(plane + y * 5 + x, <u8>(10 * y + x));
    split.planes = plane;
    split.planeBytes = 16;
    split.height = 3;
    split.width = 5;
    split.phases = patch;
    split.phaseBytes = 32;
    split_phases_u8(split, 0, 1);
    expect<u8>(load<u8>(patch)).toBe(0);
    expect<u8>(load<u8>(patch + 2)).toBe(4);
    expect<u8>(load<u8>(patch + 3)).toBe(20);
    expect<u8>(load<u8>(patch + 32 + 1)).toBe(3);
    expect<u8>(load<u8>(patch + 64)).toBe(10);
    expect<u8>(load<u8>(patch + 96 + 1)).toBe(13);
  });
});

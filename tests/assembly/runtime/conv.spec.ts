import { ConvJob, conv_codes } from "../../../assembly/runtime/conv";
import { Epilogue } from "../../../assembly/runtime/shared/epilogue";
import { FLOAT32 } from "../../../src/runtime/layout";

const patch = memory.data(64 * 4, 16);
const parts = memory.data(512, 16);
const stream = memory.data(64, 16);
const starts = memory.data(16, 16);
const scale = memory.data(16, 16);
const offset = memory.data(16, 16);
const job = changetype<ConvJob>(memory.data(32, 16));
const epilogue = changetype<Epilogue>(memory.data(80, 16));
const out = memory.data(256, 16);

/** Four rows: row k holds 10 k + pixel % 8. */
function fill(limit: i32): void {
  for (let k = 0; k < 4; k++) {
    for (let j = 0; j < 64; j++) store<u8>(patch + k * 64 + j, <u8>min(limit, 10 * k + (j & 7)));
  }
}

/** An epilogue that hands on the total as float32. */
function plain(): void {
  store<f32>(scale, 1);
  store<f32>(offset, 0);
  epilogue.scale = scale;
  epilogue.offset = offset;
  epilogue.low = -f32.MAX_VALUE;
  epilogue.high = f32.MAX_VALUE;
  epilogue.out = out;
  epilogue.outBytes = 256;
  epilogue.kind = FLOAT32;
  epilogue.residual = 0;
  epilogue.plain = false;
}

/** 4 x0 - 4 x1 + 2 x2 + x3: the first segment is doubled, the second ends a part to be taken twice, the third the sum. */
function weights(): void {
  const words: StaticArray<u16> = [1, 1, 0, 0, 1, 1, 0, 1, 2, 1, 0, 2, 3, 2, 2, 1];
  for (let i = 0; i < words.length; i++) store<u16>(stream + ((<usize>i) << 1), words[i]);
  store<u32>(starts, 0);
  job.stream = stream;
  job.starts = starts;
  job.epilogue = epilogue;
  job.groupChannels = 1;
}

function expectTotals(limit: i32, pixels: i32): void {
  for (let j = 0; j < pixels; j++) {
    const x = j & 7;
    const want = 4 * min(limit, x) - 4 * min(limit, 10 + x) + 2 * min(limit, 20 + x) + min(limit, 30 + x);
    expect<f32>(load<f32>(out + ((<usize>j) << 2))).toBe(<f32>want);
  }
}

describe("conv_codes", () => {
  it("sums buckets from the largest power down over 64 pixels", () => {
    fill(255);
    plain();
    weights();
    job.run = 1;
    conv_codes(job, patch, 0, 1, parts, 0, 64);
    expectTotals(255, 64);
  });
  it("takes the short way for 16 pixels and fewer", () => {
    fill(255);
    plain();
    weights();
    job.run = 1;
    conv_codes(job, patch, 0, 1, parts, 0, 16);
    expectTotals(255, 16);
  });
  it("adds runs of rows in u8 lanes first", () => {
    fill(31);
    plain();
    weights();
    job.run = 8;
    conv_codes(job, patch, 0, 1, parts, 0, 64);
    expectTotals(31, 64);
  });
});

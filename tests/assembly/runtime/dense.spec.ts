import { DenseJob, dense_codes_c16, dense_nonzero } from "../../../assembly/runtime/dense";
import { dense_f32_c16 } from "../../../assembly/steps/float";

const input = memory.data(16, 16);
const list = memory.data(64, 16);
const codes = memory.data(64, 16);
const tables = memory.data(8192, 16);
const sums = memory.data(64, 16);
const weights = memory.data(128, 16);
const job = changetype<DenseJob>(memory.data(32, 16));

function makeTables(): void {
  for (let x = 0; x < 256; x++) {
    for (let e = 0; e < 8; e++) {
      const product = x << e;
      const at = tables + x * 32 + e;
      store<u8>(at, <u8>product);
      store<u8>(at + 16, <u8>(product >> 8));
      store<u8>(at + 8, <u8>-product);
      store<u8>(at + 24, <u8>(-product >> 8));
    }
  }
}

describe("dense_nonzero", () => {
  it("lists what is not zero with its place", () => {
    store<u8>(input, 0);
    store<u8>(input + 1, 255);
    store<u8>(input + 2, 7);
    expect<i32>(dense_nonzero(list, input, 3)).toBe(2);
    expect<u32>(load<u32>(list)).toBe((1 << 8) | 255);
    expect<u32>(load<u32>(list + 4)).toBe((2 << 8) | 7);
  });
});

describe("dense_codes_c16", () => {
  it("looks products of both signs up and leaves code 255 out", () => {
    makeTables();
    store<u8>(input, 255);
    store<u8>(input + 1, 3);
    const count = dense_nonzero(list, input, 2);
    for (let o = 0; o < 16; o++) {
      store<u8>(codes + o, <u8>o);
      store<u8>(codes + 16 + o, o == 0 ? 0 : 255);
    }
    job.codes = codes;
    job.tables = tables;
    job.inputs = 2;
    job.shift = 0;
    job.more = false;
    dense_codes_c16(job, list, count, sums, 0, 1);
    expect<i32>(load<i32>(sums)).toBe(255 + 3);
    expect<i32>(load<i32>(sums + 28)).toBe(255 << 7);
    expect<i32>(load<i32>(sums + 32)).toBe(-255);
    expect<i32>(load<i32>(sums + 60)).toBe(-(255 << 7));
  });
});

describe("dense_f32_c16", () => {
  it("weighs each input for 16 outputs", () => {
    store<f32>(input, 2);
    store<f32>(input + 4, -1);
    for (let o = 0; o < 16; o++) {
      store<f32>(weights + (o << 2), <f32>o);
      store<f32>(weights + 64 + (o << 2), 0.5);
    }
    dense_f32_c16(weights, input, 2, sums, 1);
    expect<f32>(load<f32>(sums)).toBe(-0.5);
    expect<f32>(load<f32>(sums + 60)).toBe(29.5);
  });
});

import { DenseJob, dense_codes_c16, dense_sums } from "../../../assembly/runtime/dense";
import { dense_f32_c16 } from "../../../assembly/steps/float";

const input = memory.data(96, 16);
const room = memory.data(1024, 16);
const codes = memory.data(512, 16);
const sums = memory.data(64, 16);
const weights = memory.data(128, 16);
const job = changetype<DenseJob>(memory.data(32, 16));

describe("dense_sums", () => {
  it("makes the sums of four inputs, and leaves 32 zeros out", () => {
    memory.fill(input, 0, 96);
    store<u8>(input + 64, 255);
    store<u8>(input + 65, 7);
    store<u8>(input + 66, 1);
    // behind the last input
    store<u8>(input + 67, 99);
    dense_sums(room, input, 67);
    expect<i32>(load<i32>(room)).toBe(1);
    expect<i32>(load<i32>(room + 4)).toBe(263);
    expect<i32>(load<i32>(room + 16)).toBe(2);
    const table = room + 32;
    for (let i: usize = 0; i < 16; i++) {
      const sum = (i & 1 ? 255 : 0) + (i & 2 ? 7 : 0) + (i & 4 ? 1 : 0);
      expect<i32>(<i32>load<u8>(table + i) + 32 * <i32>load<u8>(table + i + 16)).toBe(sum);
    }
  });
});

describe("dense_codes_c16", () => {
  it("adds the sums of two planes and the least level", () => {
    memory.fill(input, 0, 96);
    memory.fill(codes, 0, 512);
    store<u8>(input, 200);
    store<u8>(input + 1, 3);
    dense_sums(room, input, 2);
    // output o: the first input has the bits of o & 3, the second those of o >> 2
    for (let o = 0; o < 16; o++) {
      const even = (o & 1) | (((o >> 2) & 1) << 1),
        odd = ((o >> 1) & 1) | (((o >> 3) & 1) << 1);
      store<u8>(codes + o, <u8>(even | (odd << 4)));
    }
    job.codes = codes;
    job.inputs = 2;
    job.pairs = 1;
    job.least = -2;
    dense_codes_c16(job, room, sums, 0, 1);
    for (let o = 0; o < 16; o++) {
      expect<i32>(load<i32>(sums + ((<usize>o) << 2))).toBe(200 * ((o & 3) - 2) + 3 * ((o >> 2) - 2));
    }
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

// taps.test.js: no gather reads outside what was planned for it, and paddings of any size on any side give the right bits.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { convOutputShape, elements } from "../../dist/ops/index.js";
import { Model, planMemory } from "../../dist/runtime/index.js";
import { MemoryPlan } from "../../dist/runtime/memory.js";
import { gatherOf, planTaps, reachOf } from "../../dist/runtime/taps.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";
import { assertAgree } from "./agree.js";

/** First and last element that the kernels of assembly/runtime/gather.ts read of a plane, wherever a mask says 0, too. */
function elementsRead({ form, steps, size: own }, { offsets, rowStep }, [, outHeight, outWidth]) {
  const size = outHeight * outWidth;
  let first = 0;
  let last = elements(steps) * own - 1;
  const read = (from, count) => {
    first = Math.min(first, from);
    last = Math.max(last, from + count - 1);
  };
  for (const offset of offsets) {
    for (let pixel = 0; pixel < size; pixel += 64) {
      if (form === "shifted" || form === "pointwise") read(pixel + offset, 64);
      if (form !== "rows") continue;
      const pixels = Math.min(64, size - pixel);
      let x = pixel % outWidth;
      let row = Math.floor(pixel / outWidth) * rowStep + offset;
      for (let j = 0; j < pixels; row += rowStep, x = 0) {
        const length = Math.min(outWidth - x, pixels - j);
        for (let i = 0; i < length; i += 16) read(row + x + i, 16);
        j += length;
      }
    }
  }
  return { first, last };
}

test("the reach of every form holds what its kernel reads, and little more", () => {
  const side = fc.integer({ min: 1, max: 40 });
  const small = fc.integer({ min: 1, max: 4 });
  const drawn = fc.record({
    input: fc.tuple(fc.constant(1), side, side),
    kernel: fc.tuple(small, small),
    stride: fc.constantFrom([1, 1], [2, 2], [2, 1], [3, 1], [1, 2], [3, 3], [4, 1], [2, 5], [9, 9]),
    dilation: fc.tuple(small, small),
    padding: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 4, maxLength: 4 }),
    float: fc.boolean(),
  });
  const seen = new Set();
  const property = fc.property(drawn, ({ input, float, ...window }) => {
    const output = convOutputShape(input, 1, window);
    fc.pre(output[1] >= 1 && output[2] >= 1);
    const gather = gatherOf(input, output, window, float);
    seen.add(`${gather.form}${gather.phases ? " of phases" : ""}`);
    const memory = new MemoryPlan(0, {});
    const { taps: count, offsets: address, rowStep } = planTaps(memory, gather, input, output, window, float ? 4 : 1);
    const buffer = new ArrayBuffer(memory.seal().use.total);
    memory.write(buffer);
    const offsets = address ? new Int32Array(buffer, address, count) : [0];
    const { before, behind } = reachOf(gather, output, window);
    const { first, last } = elementsRead(gather, { offsets, rowStep }, output);
    const own = elements(gather.steps) * gather.size;
    assert.ok(first >= -before && last < own + behind, `${first}..${last} of ${own} with ${before} and ${behind}`);
    // the corners of the phases are not all read
    const spare = gather.phases ? own - gather.size + input[2] : 64;
    assert.ok(first <= spare - before && last >= own + behind - spare, "far more than is read");
  });
  fc.assert(property, { seed: 4, numRuns: 3000 });
  for (const form of ["shifted", "rows", "any", "shifted of phases", "rows of phases"]) assert.ok(seen.has(form), form);
});

const SIDES = ["top", "left", "bottom", "right"];
const onSide = (side, rows) => [0, 1, 2, 3].map((i) => (i === side ? rows : 0));

const check = (options, seed = 1) => {
  const def = convModel(options, seed);
  return assertAgree(def, inputsFor(def, seed + 1), JSON.stringify(options));
};

test("a convolution with a wide padding below it reads nothing that memory has not", async () => {
  const cases = [
    { shape: [3, 224, 224], padding: [1, 1, 256, 1] },
    { shape: [64, 56, 56], padding: [1, 1, 128, 1] },
    { shape: [3, 224, 224], padding: [1, 1, 64, 1], input: FLOAT32 },
    { shape: [3, 224, 224], padding: [1, 1, 700, 1], stride: [2, 2] },
    { shape: [3, 224, 224], padding: [0, 0, 700, 0], stride: [2, 1] },
    { shape: [3, 224, 224], padding: [1, 1, 400, 1], groups: 3 },
    { shape: [3, 224, 224], padding: [2, 2, 500, 2], dilation: [2, 2], input: linear(15, 3) },
  ];
  for (const { input = linear(), ...options } of cases) {
    const { groups = 1 } = options;
    await check({ ...options, channels: groups, input, output: input === FLOAT32 ? FLOAT32 : linear() });
  }
});

test("paddings on every side, wider than the plane, agree in every form", async () => {
  const windows = [
    { kernel: [3, 3] },
    { kernel: [1, 1] },
    { kernel: [3, 3], stride: [2, 2] },
    { kernel: [2, 3], stride: [3, 1] },
    { kernel: [3, 2], stride: [1, 3], dilation: [2, 3] },
  ];
  for (const [side, name] of SIDES.entries()) {
    for (const window of windows) {
      for (const groups of [1, 2]) {
        for (const input of [linear(), linear(200, 31), linear(15), FLOAT32]) {
          const output = input === FLOAT32 ? FLOAT32 : linear();
          const wide = { shape: [2, 9, 11], channels: 2, groups, padding: onSide(side, 40), ...window, input, output };
          await check(wide, name.length);
        }
      }
    }
  }
});

test("outputs that lie wholly in padding are the padding's", async () => {
  // stride 50 leaves the plane after the first pixel
  for (const input of [linear(255, 9), FLOAT32]) {
    const output = input === FLOAT32 ? FLOAT32 : linear();
    await check({ shape: [3, 4, 5], kernel: [2, 2], stride: [50, 50], padding: [3, 3, 200, 200], input, output });
    // no output pixel meets the plane
    await check({ shape: [3, 2, 2], kernel: [1, 1], stride: [7, 7], padding: [3, 3, 3, 3], input, output });
  }
});

test("a padding out of all proportion takes no memory, and costs no more than its outputs", async () => {
  for (const input of [linear(255, 9), FLOAT32]) {
    const output = input === FLOAT32 ? FLOAT32 : linear();
    for (const stride of [
      [2 ** 20, 1],
      [2 ** 20, 2],
    ]) {
      const options = { shape: [1, 8, 9], channels: 1, stride, padding: [2 ** 22, 1, 2 ** 22, 1], input, output };
      const def = convModel(options);
      assert.ok(planMemory(def).total <= 2 ** 18, `${planMemory(def).total} bytes`);
      await assertAgree(def, inputsFor(def), `${stride}`);
    }
  }
});

test("a convolution of a single pixel keeps its padding", async () => {
  for (const input of [linear(255, 7), linear(15, 2), FLOAT32]) {
    const output = input === FLOAT32 ? FLOAT32 : linear();
    for (const padding of [
      [1, 1, 1, 1],
      [0, 1, 2, 1],
      [0, 0, 2, 2],
    ]) {
      for (const stride of [
        [1, 1],
        [3, 3],
      ]) {
        await check({ shape: [5, 1, 1], channels: 20, kernel: [1, 1], stride, padding, input, output });
        await check({ shape: [6, 1, 1], channels: 6, groups: 6, kernel: [1, 1], stride, padding, input, output });
      }
    }
  }
});

test("threads give the bits of one thread where a convolution ends in single pixels", async () => {
  const cases = [
    { shape: [64, 3, 3], channels: 128 },
    { shape: [128, 2, 2], channels: 256, kernel: [2, 2], output: FLOAT32 },
    { shape: [128, 3, 3], channels: 128, groups: 128 },
  ];
  for (const options of cases) {
    const def = convModel({ padding: [0, 0, 0, 0], ...options });
    const inputs = inputsFor(def);
    const alone = await Model.from(def);
    const expected = alone.runSync(inputs).y;
    alone.dispose();
    const two = await Model.from(def, { threads: 2 });
    for (let i = 0; i < 500; i++) assert.deepEqual(two.runSync(inputs).y, expected);
    two.dispose();
  }
});

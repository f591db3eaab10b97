import { test } from "node:test";
import fc from "fast-check";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor, LEVELS } from "../models/random.js";
import { assertAgree } from "./agree.js";

const check = (options, seed = 1) => {
  const def = convModel(options, seed);
  return assertAgree(def, inputsFor(def, seed + 1), JSON.stringify(options).slice(0, 200));
};

for (const bits of [2, 3, 4, 5]) {
  test(`conv agrees with the reference at ${bits} bits`, async () => {
    for (const input of [linear(), linear(127), linear(31), linear(15, 3), linear(255, 128), LEVELS]) {
      for (const output of [linear(), LEVELS, FLOAT32]) await check({ bits, input, output });
    }
  });
}

test("conv agrees at the edges of the pixel tile", async () => {
  for (const width of [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129]) {
    for (const input of [linear(), linear(15)])
      await check({ shape: [2, 1, width], kernel: [1, 3], padding: [0, 1, 0, 1], input });
  }
});

test("conv agrees for every way of gathering", async () => {
  const windows = [
    { kernel: [1, 1], padding: [0, 0, 0, 0] },
    { kernel: [3, 3], stride: [2, 2] },
    { kernel: [1, 1], stride: [2, 2], padding: [0, 0, 0, 0] },
    { kernel: [3, 3], stride: [2, 2], padding: [0, 0, 1, 1] },
    { kernel: [3, 3], stride: [2, 2], padding: [0, 0, 0, 0] },
    { kernel: [5, 5], padding: [2, 2, 2, 2] },
    { kernel: [3, 3], padding: [0, 0, 0, 0] },
    { kernel: [3, 3], padding: [2, 2, 2, 2], dilation: [2, 2] },
    { kernel: [2, 3], stride: [2, 1], padding: [0, 1, 1, 1] },
    { kernel: [3, 3], stride: [3, 2], padding: [2, 1, 0, 2] },
    { kernel: [7, 7], stride: [2, 2], padding: [3, 3, 3, 3] },
  ];
  for (const window of windows) {
    for (const shape of [
      [3, 12, 14],
      [2, 9, 11],
      [1, 20, 35],
    ]) {
      for (const input of [linear(), linear(200, 77), linear(15), FLOAT32]) {
        await check({ shape, ...window, input, output: input === FLOAT32 ? FLOAT32 : linear() });
      }
    }
  }
});

test("planes wider than the guard around the arena are read safely", async () => {
  for (const input of [linear(), linear(15, 4), FLOAT32]) {
    const output = input === FLOAT32 ? FLOAT32 : linear();
    await check({ shape: [1, 2, 5000], channels: 1, kernel: [5, 3], padding: [4, 1, 4, 1], input, output });
    await check({ shape: [1, 70, 900], channels: 1, kernel: [1, 900], padding: [0, 0, 0, 0], input, output });
    await check({
      shape: [1, 5, 3001],
      channels: 1,
      kernel: [3, 3],
      stride: [2, 2],
      padding: [2, 2, 2, 2],
      input,
      output,
    });
  }
});

test("grouped and depthwise convolutions agree", async () => {
  for (const [inputs, channels, groups] of [
    [4, 6, 2],
    [8, 8, 8],
    [8, 16, 8],
    [96, 96, 96],
  ]) {
    for (const input of [linear(), linear(15), FLOAT32]) {
      await check({ shape: [inputs, 9, 10], channels, groups, input, output: input });
    }
  }
});

test("depthwise convolutions agree at the edges of tiles, pieces and small maps", async () => {
  const tables = [
    [-6, -5, -3, -1, 0, 1, 2, 3, 4, 7, 8, 12],
    [-63, -48, -31, 0, 1, 17, 33, 62],
    [-16383, -257, 0, 1, 255, 4095, 16383],
  ];
  const windows = [
    { kernel: [3, 3] },
    { kernel: [3, 3], stride: [2, 2] },
    { kernel: [3, 3], stride: [2, 2], padding: [0, 0, 1, 1] },
    { kernel: [5, 5], padding: [2, 2, 2, 2] },
    { kernel: [5, 5], padding: [2, 2, 2, 2], stride: [2, 2] },
    { kernel: [3, 3], padding: [2, 2, 2, 2], dilation: [2, 2] },
    { kernel: [3, 1], padding: [3, 0, 0, 0] },
    { kernel: [13, 3], padding: [6, 1, 6, 1] },
    { kernel: [1, 3], padding: [0, 1, 0, 1] },
  ];
  const sizes = [
    ...[1, 3, 4, 5, 7, 8, 14, 15, 16, 17, 28, 33].map((n) => [n, n]),
    ...[
      [1, 32],
      [3, 16],
      [3, 11],
      [7, 9],
      [5, 13],
      [80, 83],
    ],
  ];
  for (const window of windows) {
    for (const [height, width] of sizes) {
      const padding = window.padding ?? [1, 1, 1, 1];
      if (height + padding[0] + padding[2] < window.kernel[0]) continue;
      for (const [channels, input] of [
        [3, linear()],
        [6, linear(255, 100)],
        [3, linear(15)],
      ]) {
        const options = { shape: [3, height, width], channels, groups: 3, tables, ...window, padding, input };
        await check(options, height);
        await check({ ...options, residual: linear(), clamp: { low: 0, high: 6 } }, width);
      }
    }
  }
});

test("depthwise sums at the limits of a lane stay exact", async () => {
  // 257 activations of 255 are the most that a lane holds whose range is moved
  for (const [plus, minus] of [
    [257, 0],
    [0, 257],
    [129, 128],
    [128, 129],
    [258, 0],
    [129, 129],
    [255, 3],
    [1000, 1000],
    [16383, 16383],
    [16383, 0],
  ]) {
    for (const size of [7, 20]) {
      const half = (sum) => [Math.min(16383, Math.ceil(sum / 2)), Math.floor(sum / 2)];
      const weights = [...half(plus), ...half(minus).map((level) => -level), 0, 0, 0, 0, 0];
      const levels = [...new Set([...weights, 1])].sort((a, b) => a - b);
      const def = convModel({ shape: [1, size, size], channels: 1, groups: 1, levels });
      const [{ weights: book, epilogue }] = def.layers;
      weights.forEach((level, i) => {
        book.codes[i] = levels.indexOf(level);
      });
      const sum = 255 * Math.max(plus, minus);
      for (const [scale, offset] of [
        [250 / sum, 0],
        [-250 / sum, 255],
        [250 / sum, 255],
        [32000 / sum, -20000],
      ]) {
        epilogue.scale.fill(scale);
        epilogue.offset.fill(offset);
        for (const value of [0, 1e6]) {
          await assertAgree(def, { x: new Float32Array(size * size).fill(value) }, `${plus} ${minus} ${size} ${scale}`);
        }
        const mixed = inputsFor(def, 3);
        await assertAgree(def, { x: mixed.x.map((x) => (x > 0 ? 1e6 : -1e6)) }, `mixed ${plus} ${minus} ${size}`);
      }
    }
  }
});

test("convolutions on levels of their own channels agree, however these are taken apart", async () => {
  const tables = [
    [-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12],
    [-28, -20, -14, -7, -5, 0, 3, 9, 17, 31],
    [0, 3],
    [-5, 0, 5],
  ];
  for (const channels of [5, 24]) {
    for (const [inputs, size] of [
      [8, 9],
      [16, 8],
      [70, 7],
      [300, 4],
      [24, 1],
    ]) {
      for (const input of [linear(), linear(255, 99), linear(31)]) {
        const shape = [inputs, size, size];
        await check({ shape, channels, kernel: [1, 1], padding: [0, 0, 0, 0], tables, input });
        await check({
          shape,
          channels,
          kernel: [1, 1],
          padding: [0, 0, 0, 0],
          tables,
          input,
          clamp: { low: 0, high: 3 },
        });
        if (size > 1 && inputs < 100) await check({ shape, channels, tables, input });
      }
    }
  }
});

test("sums with complements agree at the edges of rows, tiles and maps", async () => {
  const tables = [
    [-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12],
    [-63, -31, -5, 0, 17, 48],
    [-4, -2, -1],
  ];
  const bare = { kernel: [1, 1], padding: [0, 0, 0, 0], tables };
  const sizes = [1, 4, 7, 8, 14, 31].map((n) => [n, n]);
  for (const [height, width] of [...sizes, [1, 15], [1, 17], [1, 63], [3, 21], [1, 65], [8, 125], [7, 143]]) {
    for (const [input, residual] of [
      [linear(), null],
      [linear(255, 99), linear()],
      [linear(15), null],
      [linear(127, 3), LEVELS],
      [LEVELS, null],
    ]) {
      const output = residual === LEVELS ? LEVELS : linear();
      await check({ shape: [9, height, width], channels: 17, ...bare, input, residual, output }, width);
      await check({ shape: [3, height, width], channels: 4, tables, input, residual, output }, height);
    }
  }
  // rows at the limits below which complements serve, by channels and by the cache
  for (const [inputs, channels] of [
    [1, 1],
    [8, 1],
    [9, 1],
    [383, 48],
    [384, 48],
    [385, 49],
    [384, 47],
  ]) {
    for (const input of [linear(), linear(15)]) await check({ shape: [inputs, 7, 7], channels, ...bare, input });
  }
});

test("sums with complements stay exact at the limits of a lane", async () => {
  for (const max of [255, 127, 15]) {
    for (const depth of [127, 128, 129, 257, 258, 384]) {
      for (const pattern of [() => -1, () => 1, (i) => (i % 2 ? 1 : -1), (i) => (i % 3 ? -16 : 4), () => -16]) {
        const levels = [-16, -1, 0, 1, 4];
        const shape = [depth, 7, 7];
        for (const output of [linear(), FLOAT32]) {
          const def = convModel({
            shape,
            channels: 48,
            kernel: [1, 1],
            padding: [0, 0, 0, 0],
            levels,
            input: linear(max),
            output,
          });
          const [{ weights, epilogue }] = def.layers;
          weights.codes.forEach((_, i) => {
            weights.codes[i] = levels.indexOf(pattern(i % depth));
          });
          epilogue.scale.fill(-0.01);
          epilogue.offset.fill(100);
          for (const sign of [0, 1, -1]) {
            const x = Float32Array.from({ length: depth * 49 }, (_, i) => {
              return 1e6 * (sign || Math.sign(pattern(Math.floor(i / 49))));
            });
            await assertAgree(def, { x }, `max ${max} depth ${depth} ${sign}`);
          }
        }
      }
    }
  }
});

test("residual operands agree in every encoding", async () => {
  for (const residual of [linear(), linear(255, 100), LEVELS, FLOAT32]) {
    for (const output of [linear(), LEVELS, FLOAT32]) {
      await check({ residual, output, clamp: { low: 0 } });
      await check({ residual, output, clamp: { low: 0, high: 6 }, input: FLOAT32 });
    }
  }
});

test("sums at the limit of the lanes stay exact", async () => {
  for (const max of [255, 127, 31, 15]) {
    for (const bits of [2, 5]) {
      const depth = 9 * 40;
      const magnitude = 2 ** (bits - 2);
      for (const pattern of [() => magnitude, () => -magnitude, (i) => (i % 2 ? 1 : -1), () => 1, () => 0]) {
        const codes = Int8Array.from({ length: 3 * depth }, (_, i) => pattern(i));
        const def = convModel({ shape: [40, 6, 6], channels: 3, bits, input: linear(max), output: FLOAT32, codes });
        await assertAgree(def, { x: new Float32Array(40 * 36).fill(1000) }, `max ${max} bits ${bits}`);
      }
    }
  }
});

test("results on both sides of what the short rounding holds agree", async () => {
  for (const residual of [null, linear(), FLOAT32]) {
    // a whole tile of one part, and tiles of two parts with a rest
    for (const [depth, width] of [
      [40, 8],
      [200, 9],
    ]) {
      for (const target of [32000, 32765, 32767, 32769, 65536, 5e6, 1e8]) {
        for (const sign of [1, -1]) {
          const options = {
            shape: [40, 8, width],
            kernel: [1, 1],
            padding: [0, 0, 0, 0],
            residual,
            output: linear(255, 3),
          };
          const def = convModel(options);
          const [{ weights, epilogue, residual: operand }] = def.layers;
          weights.codes.fill(5);
          const r = operand ? 255 * operand.scale : 0;
          epilogue.scale.fill((sign * (target - r - 1)) / (depth * 16 * 255));
          epilogue.offset.fill(sign);
          const inputs = inputsFor(def);
          inputs.x.fill(1e9, 0, inputs.x.length / 2);
          await assertAgree(def, inputs, `${target} ${sign}`);
        }
      }
    }
  }
});

test("drawn convolutions agree", async () => {
  const side = fc.integer({ min: 1, max: 19 });
  const kernel = fc.integer({ min: 1, max: 4 });
  const options = fc.record({
    shape: fc.tuple(fc.integer({ min: 1, max: 6 }), side, side),
    channels: fc.integer({ min: 1, max: 9 }),
    kernel: fc.tuple(kernel, kernel),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 2 }))),
    bits: fc.constantFrom(2, 3, 4, 5),
    input: fc.constantFrom(linear(), linear(90, 13), linear(15), LEVELS, FLOAT32),
    zeros: fc.constantFrom(0, 0.5, 0.95),
    seed: fc.nat(1000),
  });
  const property = fc.asyncProperty(options, async ({ seed, ...drawn }) => {
    const [, height, width] = drawn.shape;
    fc.pre(height + drawn.padding[0] + drawn.padding[2] >= drawn.kernel[0]);
    fc.pre(width + drawn.padding[1] + drawn.padding[3] >= drawn.kernel[1]);
    await check(drawn, seed);
  });
  await fc.assert(property, { seed: 7, numRuns: 150 });
});

const BOOKS = {
  binary: [-1, 1],
  ternary: [-3, 0, 5],
  uniform: [-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15],
  weq: [-255, -131, -77, -31, 0, 29, 80, 140, 233],
  allPositive: [2, 3],
  largest: [-16383, -1, 0, 16383],
  most: Array.from({ length: 128 }, (_, i) => (i < 64 ? 2 * i - 128 : 2 * i - 125)),
  most16Bits: Array.from({ length: 128 }, (_, i) => (i < 64 ? 250 * i - 16001 : 250 * i - 15800)),
  many: Array.from({ length: 64 }, (_, i) => (i - 32) * 7 - (i % 3)),
};

for (const [name, levels] of Object.entries(BOOKS)) {
  test(`conv with a codebook agrees with the reference: ${name}`, async () => {
    for (const input of [linear(), linear(127), linear(15, 3), linear(255, 128), LEVELS, linear(1)]) {
      for (const output of [linear(), FLOAT32]) await check({ levels, input, output });
    }
    await check({ levels, shape: [40, 9, 9], channels: 20, input: linear(255, 128) });
    await check({ levels, shape: [40, 3, 3], channels: 20, input: linear(15), residual: linear() });
    await check({ levels, shape: [16, 12, 12], channels: 16, groups: 16, input: linear() });
    await check({ levels, shape: [16, 12, 12], channels: 32, groups: 16, input: linear(255, 7) });
    await check({ levels, shape: [300, 1, 1], channels: 33, kernel: [1, 1], padding: [0, 0, 0, 0] });
    await check({ levels, shape: [30, 1, 1], channels: 7, kernel: [1, 1], padding: [0, 0, 0, 0], output: FLOAT32 });
  });
}

test("worst-case sums of a codebook stay exact", async () => {
  const levels = [-1801, 1801];
  for (const output of [linear(), FLOAT32]) {
    const def = convModel({ levels, shape: [512, 4, 4], channels: 3, output });
    def.layers[0].weights.codes.fill(1);
    const full = new Float32Array(512 * 16).fill(1e6);
    await assertAgree(def, { x: full }, "all weights at the top level, all activations 255");
  }
});

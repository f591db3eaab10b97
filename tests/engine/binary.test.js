// binary.test.js: functions of two tensors, whichever axes are repeated, give the bits of those computed value by value.
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { binaryPass } from "../../dist/engine/binary.js";
import { BINARY_FUNCTIONS, BINARY_SLOPES } from "../../dist/ops/index.js";
import { eachPlace, indexOf, volume } from "../oracle/places.js";
import { assertPass, assertSame, values } from "./bits.js";

const NAMES = Object.keys(BINARY_FUNCTIONS);

const plainOf = (fn, [ownA, ownB], shape, count) => ({
  forward([a, b], y) {
    eachPlace(count, shape, (i, ...place) => {
      y[i] = BINARY_FUNCTIONS[fn](a[indexOf(ownA, ...place)], b[indexOf(ownB, ...place)]);
    });
  },
  backward([a, b], _, dy, [da, db]) {
    eachPlace(count, shape, (i, ...place) => {
      const [atA, atB] = [indexOf(ownA, ...place), indexOf(ownB, ...place)];
      const [slopeA, slopeB] = BINARY_SLOPES[fn](a[atA], b[atB]);
      da[atA] += slopeA * dy[i];
      db[atB] += slopeB * dy[i];
    });
  },
});

test("random shapes, any axes of either operand repeated", () => {
  const random = createRandom(7);
  for (let run = 0; run < 600; run++) {
    const fn = NAMES[run % NAMES.length];
    const shape = [0, 1, 2].map(() => 1 + random.below(5));
    // what both repeat has length 1
    const repeats = shape.map(() => random.below(4));
    const own = [1, 2].map((one) => shape.map((n, axis) => (repeats[axis] === one ? 1 : n)));
    const count = 1 + random.below(3);
    const inputs = own.map((one, i) => values(count * volume(one), run + i));
    const message = `${fn} of ${own.map((one) => one.join("x")).join(" and ")}, ${count} images`;
    const plain = plainOf(fn, own, shape, count);
    assertPass(binaryPass({ fn }, own, shape), plain, inputs, count * volume(shape), count, message);
  }
});

test("a tensor with itself: both gradients are one array", () => {
  for (const fn of NAMES) {
    const shape = [3, 5, 7];
    const x = values(2 * 105, 4);
    const [dy, dx, expected] = [values(210, 1), values(210, 2), values(210, 2)];
    binaryPass({ fn }, [shape, shape], shape).backward([x, x], dy, dy, [dx, dx], 2);
    plainOf(fn, [shape, shape], shape, 2).backward([x, x], dy, dy, [expected, expected]);
    assertSame(dx, expected, fn);
  }
});

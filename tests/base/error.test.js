import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { ShiftwiseError } from "../../dist/base/index.js";

const cycle = { name: "a" };
cycle.self = cycle;
let deep = [];
for (let i = 0; i < 100_000; i++) deep = [deep];
const trap = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error("no");
    },
  },
);

const VALUES = [
  ["text", "text"],
  ["", ""],
  [3, 3],
  [null, null],
  [true, true],
  [Number.NaN, Number.NaN],
  [undefined, undefined],
  [2n, "2n"],
  [Symbol("s"), "Symbol(s)"],
  [function given() {}, "function given"],
  [() => {}, "function"],
  [[2, 5, 7], "[2,5,7]"],
  [{ low: 1, high: undefined }, '{"low":1,"high":undefined}'],
  [[1n, "a", [Symbol("s"), [1, [2]]]], '[1n,"a",[Symbol(s),an array of 2]]'],
  [new Float32Array(70), "Float32Array of 70"],
  [new DataView(new ArrayBuffer(9)), "DataView of 9"],
  [runInNewContext("new Float64Array(4)"), "Float64Array of 4"],
  [new ArrayBuffer(9), "ArrayBuffer"],
  [new Date(0), "Date"],
  [new Map(), "Map"],
  [Object.create(null), "{}"],
  [cycle, '{"name":"a","self":{"name":"a","self":Object}}'],
  [trap, "an object that cannot be read"],
  [deep, "[[an array of 1]]"],
  [Array(1e6).fill(1), "[1,1,1,1,1,1,1,1,1,1,1,1,...]"],
];

test("whatever was found and expected, the error says it shortly", () => {
  for (const [value, text] of VALUES) {
    const error = new ShiftwiseError("BAD_DATA", "wrong", { where: "here", expected: value, found: value });
    assert.deepEqual([error.found, error.expected], [text, text]);
    assert.equal(error.message, text === undefined ? "here: wrong" : `here: wrong; expected ${text}; found ${text}`);
    structuredClone({ ...error });
  }
});

test("no error carries a large value", () => {
  const long = "x".repeat(1e6);
  const huge = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [long.slice(0, 300) + i, long]));
  for (const found of [long, huge, [long, long], new Array(12).fill(huge), BigInt(`1${"0".repeat(5000)}`)]) {
    const error = new ShiftwiseError("BAD_DATA", "wrong", { where: long, expected: found, found });
    assert.ok(error.message.length < 700, `${error.message.length}`);
    assert.ok(error.found.length <= 120 && error.where.length <= 300);
  }
  assert.match(new ShiftwiseError("IO", "no", { where: `/${long}/model.bin` }).where, /^\/x+\.\.\.x+\/model\.bin$/);
});

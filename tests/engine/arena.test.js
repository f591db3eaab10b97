// arena.test.js: buffers that live at the same time never overlap, and room is used again.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createArena } from "../../dist/engine/arena.js";

test("whatever the order of reserve, borrow and release, live buffers are apart and on cache lines", () => {
  const action = fc.record({
    kind: fc.constantFrom("reserve", "borrow", "release"),
    bytes: fc.integer({ min: 1, max: 1000 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const arena = createArena();
      const live = [];
      for (const { kind, bytes } of actions) {
        if (kind === "release") {
          const borrowed = live.filter((buffer) => buffer.borrowed);
          if (borrowed.length === 0) continue;
          const chosen = borrowed[bytes % borrowed.length];
          arena.release(chosen.address);
          live.splice(live.indexOf(chosen), 1);
          continue;
        }
        const address = arena[kind](bytes);
        assert.ok(address > 0 && address % 64 === 0);
        assert.ok(address + bytes <= arena.size());
        for (const other of live) {
          assert.ok(address >= other.address + other.bytes || other.address >= address + bytes, "overlap");
        }
        live.push({ address, bytes, borrowed: kind === "borrow" });
      }
    }),
    { numRuns: 300, seed: 6 },
  );
});

test("released neighbours join, and are used again", () => {
  const arena = createArena();
  const [a, b, c] = [arena.borrow(64), arena.borrow(128), arena.borrow(64)];
  const size = arena.size();
  arena.release(a);
  arena.release(c);
  arena.release(b);
  assert.equal(arena.borrow(256), a);
  assert.equal(arena.size(), size);
  assert.throws(() => arena.release(b), RangeError);
});

test("tables are written where they were promised", () => {
  const arena = createArena();
  const first = arena.table([1, 2 ** 32 - 1]);
  const second = arena.table(Float32Array.of(0.5));
  const memory = new ArrayBuffer(arena.size());
  arena.fill(memory);
  assert.deepEqual([...new Uint32Array(memory, first, 2)], [1, 2 ** 32 - 1]);
  assert.equal(new Float32Array(memory, second, 1)[0], 0.5);
});

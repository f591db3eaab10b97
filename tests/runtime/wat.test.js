import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const wat = readFileSync(new URL("../../build/runtime.wat", import.meta.url), "utf8");

const BUCKETS = ["bucket_swar_px64", "bucket_u8_px64", "channel_px64"];

/** The text of one function, by the end of its name. */
function body(name) {
  const start = wat.search(new RegExp(`\\(func \\$[^ ]*/${name} `));
  assert.ok(start >= 0, `no function ${name} in the compiled text`);
  const end = wat.indexOf("\n (func ", start + 1);
  return wat.slice(start, end < 0 ? undefined : end);
}

/** The innermost loops of a function: loops that hold no other. */
function innerLoops(text) {
  const lines = text.split("\n");
  const open = [];
  const loops = [];
  for (const line of lines) {
    const depth = line.search(/\S/);
    while (open.length > 0 && depth <= open[open.length - 1].depth && /^\s*end\b/.test(line)) {
      const loop = open.pop();
      if (loop.inner) loops.push(loop.lines.join("\n"));
      if (open.length > 0) open[open.length - 1].inner = false;
    }
    for (const loop of open) loop.lines.push(line);
    if (/^\s*loop\b/.test(line)) open.push({ depth, inner: true, lines: [] });
  }
  return loops;
}

const MULTIPLY =
  /\b(i32|i64|f32|f64|i16x8|i32x4|i64x2|f32x4|f64x2)\.(mul|extmul|dot|q15mulr|relaxed_dot|relaxed_madd)\w*/;

test("the innermost loops of bucket sums and dense codes have no multiply", () => {
  // the compiler has put the sums of 16 pixels into their only callers
  for (const name of [...BUCKETS, "conv_codes", "conv_codes_depthwise", "dense_codes_c16"]) {
    const loops = innerLoops(body(name));
    assert.ok(loops.length >= 1, `${name}: no loop found`);
    for (const loop of loops) assert.doesNotMatch(loop, MULTIPLY, name);
  }
});

test("the bucket sums have no multiply anywhere", () => {
  for (const name of BUCKETS) {
    assert.doesNotMatch(body(name), MULTIPLY, name);
  }
});

test("the float32 baseline does multiply, so the pattern can find one", () => {
  assert.ok(innerLoops(body("conv_f32")).some((loop) => MULTIPLY.test(loop)));
});

test("the module has no data and imports its memory alone", () => {
  assert.doesNotMatch(wat, /\(data /);
  const module = new WebAssembly.Module(readFileSync(new URL("../../build/runtime.wasm", import.meta.url)));
  assert.deepEqual(WebAssembly.Module.imports(module), [{ module: "env", name: "memory", kind: "memory" }]);
});

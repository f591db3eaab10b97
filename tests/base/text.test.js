import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bytesOfText } from "../../dist/base/index.js";
import { TRAINING_WASM_TEXT } from "../../dist/engine/wasm.generated.js";
import { STEPS_WASM_TEXT } from "../../dist/runtime/steps-wasm.generated.js";
import { RUNTIME_WASM_TEXT } from "../../dist/runtime/wasm.generated.js";

test("the modules' texts are the modules", () => {
  const texts = {
    "halves/sums": RUNTIME_WASM_TEXT,
    "halves/steps": STEPS_WASM_TEXT,
    training: TRAINING_WASM_TEXT,
  };
  for (const [name, text] of Object.entries(texts)) {
    assert.deepEqual(
      Buffer.from(bytesOfText(text)),
      readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url)),
    );
    assert.match(text, /^[#-[\]-~]*$/);
  }
});

test("every value has its text", () => {
  const texts = ["#", "$", "[", "]", "|", "}#", "}|", "~#", "~|"];
  assert.deepEqual([...bytesOfText(texts.join(""))], [250, 251, 50, 51, 82, 83, 171, 172, 4]);
});

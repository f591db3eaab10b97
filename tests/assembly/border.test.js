// border.test.js: what must not compile between the host and the wasm modules' exports.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What TypeScript's strict check of this file, were it in src/training/engine, says: line and code of each error. */
function errorsOf(text) {
  const path = `${root}src/training/engine/border-check.ts`;
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (file) => file === path || fileExists(file);
  host.readFile = (file) => (file === path ? text : readFile(file));
  const program = ts.createProgram([path], { ...options, noEmit: true }, host);
  const source = program.getSourceFile(path);
  return program
    .getSemanticDiagnostics(source)
    .map(({ start, code }) => `${source.getLineAndCharacterOfPosition(start).line + 1}: TS${code}`);
}

test("a swapped or dropped argument, a byte count for an address and a missing kernel do not compile", () => {
  const errors = errorsOf(`import { plus } from "../../base/index.js";
import { createArena } from "./arena.js";
import type { Kernels } from "./wasm.js";
export function run(k: Kernels): void {
  const [x, y] = [64, 128].map((bytes) => createArena().reserve(bytes));
  k.addInto(x, plus(y, 16), 4);
  k.addInto(x, 4, y);
  k.addInto(x, y);
  k.addInto(x, y, 4, 4);
  k.addInto(x, x + 16, 4);
  k.addInto(x, y, true);
  k.addTo(x, y, 4);
}
`);
  assert.deepEqual(errors, ["7: TS2345", "8: TS2554", "9: TS2554", "10: TS2345", "11: TS2345", "12: TS2551"]);
});

test("a record with a field missing, misspelt or swapped for another kind, and a record for another do not compile", () => {
  const errors = errorsOf(`import { createArena } from "./arena.js";
import { MomentJob, PaddingJob } from "./wasm.generated.js";
export function run(k: Kernels): void {
  const arena = createArena();
  const taps = arena.table([0]);
  const job = arena.record(MomentJob, { taps, depth: 1, scratch: taps });
  k.tapSums(job, taps, taps, 1, taps);
  arena.record(MomentJob, { taps, depth: 1 });
  arena.record(MomentJob, { taps, depth: 1, scratch: taps, depht: 1 });
  arena.record(MomentJob, { taps: 1, depth: taps, scratch: taps });
  k.padPlanes(job, taps, taps, 1);
  k.padPlanes(taps, taps, taps, 1);
}
export const layout = PaddingJob;
`);
  assert.deepEqual(errors, ["9: TS2345", "10: TS2561", "11: TS2322", "12: TS2345", "13: TS2345"]);
});

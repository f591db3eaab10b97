// border.test.js: what must not compile between the host and the wasm modules' exports.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Stands for the host's code of both modules; `body` is what it does. */
const fileOf = (body) => `
import { plus } from "../base/index.js";
import type { Kernels as RuntimeKernels } from "../runtime/kernels.js";
import type { MemoryPlan } from "../runtime/memory.js";
import { ConvJob, Epilogue } from "../runtime/wasm.generated.js";
import { createArena } from "./arena.js";
import type { TrainingKernels } from "./wasm.js";
import { MomentJob, PaddingJob } from "./wasm.generated.js";
export const unused = [plus, ConvJob, Epilogue, createArena, MomentJob, PaddingJob];
export function run(k: TrainingKernels, r: RuntimeKernels, memory: MemoryPlan): void {
  const arena = createArena();
  const [x, y] = [64, 128].map((bytes) => arena.reserve(bytes));
${body}
}
`;

/** What TypeScript's strict check of the project says of a file in src/engine: `line of the body: code`. */
function errorsOf(body) {
  const text = fileOf(body);
  const path = `${root}src/engine/border-check.ts`;
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (file) => file === path || fileExists(file);
  host.readFile = (file) => (file === path ? text : readFile(file));
  const program = ts.createProgram([path], { ...options, noEmit: true, noUnusedParameters: false }, host);
  const source = program.getSourceFile(path);
  const first = text.slice(0, text.indexOf(body)).split("\n").length - 1;
  return program
    .getSemanticDiagnostics(source)
    .map(({ start, code }) => `${source.getLineAndCharacterOfPosition(start).line + 1 - first}: TS${code}`);
}

test("what calls kernels and makes records as they are declared compiles", () => {
  const body = `
  const job = arena.record(MomentJob, { taps: x, depth: 1, scratch: y });
  k.tapSums(job, x, plus(y, 16), 1, y);
  r.flatten(x, y, 64, 1, 64);`;
  assert.deepEqual(errorsOf(body), []);
});

test("a swapped or dropped argument, a byte count for an address and a missing kernel do not compile", () => {
  const body = `  k.addInto(x, 4, y);
  k.addInto(x, y);
  k.addInto(x, y, 4, 4);
  k.addInto(x, x + 16, 4);
  k.addInto(x, y, true);
  k.addTo(x, y, 4);
  r.flatten(x, 64, y, 1, 64);
  r.flatten(x, y, 64, 1);
  r.flatter(x, y, 64, 1, 64);`;
  const codes = [2345, 2554, 2554, 2345, 2345, 2551, 2345, 2554, 2551];
  assert.deepEqual(
    errorsOf(body),
    codes.map((code, i) => `${i + 1}: TS${code}`),
  );
});

test("a record with a field missing, misspelt or of another kind, and a record for another do not compile", () => {
  const body = `  const taps = x;
  const job = arena.record(MomentJob, { taps, depth: 1, scratch: y });
  arena.record(MomentJob, { taps, depth: 1 });
  arena.record(MomentJob, { taps, depth: 1, scratch: y, depht: 1 });
  arena.record(MomentJob, { taps: 1, depth: taps, scratch: y });
  k.padPlanes(job, x, y, 1);
  k.padPlanes(x, x, y, 1);
  memory.record(ConvJob, () => ({ stream: x, starts: y, epilogue: x, groupChannels: 1, groupBytes: 64, run: 1 }));`;
  assert.deepEqual(errorsOf(body), ["3: TS2345", "4: TS2561", "5: TS2322", "6: TS2345", "7: TS2345", "8: TS2322"]);
});

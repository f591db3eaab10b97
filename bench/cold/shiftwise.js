// shiftwise.js: a fresh process: prints the milliseconds from importing shiftwise to the first output.
import { readFileSync } from "node:fs";

const [path, shape] = process.argv.slice(2);
const bytes = readFileSync(path);
const input = new Float32Array(JSON.parse(shape).reduce((a, b) => a * b)).fill(0.5);

const start = performance.now();
const { Model } = await import("../../dist/runtime/index.js");
const model = await Model.load(bytes);
model.runSync(input);
console.log(JSON.stringify({ milliseconds: performance.now() - start }));

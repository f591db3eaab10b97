// firstruns.js: a fresh process: prints the milliseconds of loading a model (and warming it up) and of its first 100 runs.
import { readFileSync } from "node:fs";
import { Model } from "../../dist/runtime/index.js";

const [path, warm] = process.argv.slice(2);
const bytes = readFileSync(path);

const start = performance.now();
const model = await Model.load(bytes);
if (warm === "true") await model.warmUp();
const load = performance.now() - start;

const inputs = Object.fromEntries(
  model.inputs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5)]),
);
const runs = [];
for (let i = 0; i < 100; i++) {
  const before = performance.now();
  model.runSync(inputs);
  runs.push(performance.now() - before);
}
console.log(JSON.stringify({ load, runs }));

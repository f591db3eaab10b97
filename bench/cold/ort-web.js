// ort-web.js: a fresh process: prints the milliseconds from importing onnxruntime-web to the first output.
import { readFileSync } from "node:fs";

const [path, shape] = process.argv.slice(2);
const bytes = readFileSync(path);
const dims = [1, ...JSON.parse(shape)];
const input = new Float32Array(dims.reduce((a, b) => a * b)).fill(0.5);

const start = performance.now();
const ort = await import("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(bytes);
await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", input, dims) });
console.log(JSON.stringify({ milliseconds: performance.now() - start }));

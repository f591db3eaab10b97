// page.js: measures the network that lies beside the page, and posts what it found. Bundled by engines.js.
import * as ort from "onnxruntime-web/wasm";
import { measureField } from "./measure.js";

const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
const answer = {};
try {
  const { name, settings, inputs, models } = await (await fetch("network.json")).json();
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: "/ort.wasm" };
  const input = {};
  for (const [i, port] of inputs.entries()) input[port] = new Float32Array((await bytes(`input${i}`)).buffer);
  const network = { name, input, float: await bytes("float.onnx"), models: [] };
  for (const id of models) {
    network.models.push({ id, bytes: await bytes(`${id}.safetensors`), qdq: await bytes(`${id}.onnx`) });
  }
  answer.results = await measureField(network, ort, settings);
} catch (error) {
  answer.failure = String(error?.message ?? error);
}
await fetch("/", { method: "POST", body: JSON.stringify(answer) });

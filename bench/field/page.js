// page.js: measures the network that lies beside the page, and posts what it found. Bundled by engines.js.
import * as ort from "onnxruntime-web/wasm";
import { decodeNetwork } from "../../dist/graph/index.js";
import { litertContestants } from "../contestants/litert.js";
import { measureField } from "./measure.js";

const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
const answer = {};
try {
  const { name, settings, inputs, models, litert } = await (await fetch("network.json")).json();
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: "/ort.wasm" };
  const input = {};
  for (const [i, port] of inputs.entries()) input[port] = new Float32Array((await bytes(`input${i}`)).buffer);
  const network = { name, input, float: await bytes("float.onnx"), models: [] };
  for (const { id, qdq } of models) {
    network.models.push({ id, bytes: await bytes(`${id}.safetensors`), qdq: qdq && (await bytes(`${id}.onnx`)) });
  }
  const float = litert ? decodeNetwork(await bytes("float.safetensors")).network : null;
  answer.results = await measureField(network, ort, settings, (expected) =>
    float ? [inLitert(float, input, expected)] : [],
  );
} catch (error) {
  answer.failure = String(error?.message ?? error);
}
await fetch("/", { method: "POST", body: JSON.stringify(answer) });

/** The float network in LiteRT, which takes one input. */
function inLitert(network, input, expected) {
  const [contestant] = litertContestants("/litert/");
  const task = { kind: "network", network, input: Object.values(input)[0], expected };
  return { ...contestant, prepare: () => contestant.prepare(task) };
}

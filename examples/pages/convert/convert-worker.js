// convert-worker.js: the work itself, in a Worker: reads an ONNX file; what converts it is loaded when it is asked for.
import { importModel, readModel } from "shiftwise/onnx";

let network = null;

const TASKS = {
  read,
  convert: async (request) => (await import("./task.js")).convert(network, request),
  run: async (request) => (await import("./task.js")).run(request),
};
self.onmessage = async ({ data }) => {
  try {
    await TASKS[data.kind](data);
  } catch (error) {
    const { code, message, name } = error;
    postMessage({ kind: "error", task: data.kind, error: { code, message, name } });
  }
};
postMessage({ kind: "ready" });

/** Reads the network, and says what is in the file even where it is refused. */
async function read({ file, beside, options }) {
  const remarks = [];
  const external = (location, offset, length, where) => {
    const found = beside.find(({ name }) => name === location.split(/[\\/]/).at(-1));
    if (!found) {
      const message = `${where}: weights lie in another file; choose ${location} together with ${file.name}`;
      throw Object.assign(new Error(message), { code: "MISSING" });
    }
    const end = length === null ? found.size : offset + length;
    return new Uint8Array(new FileReaderSync().readAsArrayBuffer(found.slice(offset, end)));
  };
  const model = readModel(await bytesOf(file), external, file.name);
  const operators = {};
  for (const { op } of model.nodes) operators[op] = (operators[op] ?? 0) + 1;
  const inputs = model.inputs.map(({ name, dims }) => ({ name, dims }));
  postMessage({ kind: "file", inputs, operators, nodes: model.nodes.length });
  const onRemark = (text) => remarks.push(text);
  network = importModel(model, { ...options, where: file.name, onRemark });
  const { name, nodes, outputs, ports, labels } = network;
  postMessage({
    kind: "network",
    name,
    labels,
    remarks,
    weights: nodes.reduce((sum, { weight }) => sum + (weight?.data.length ?? 0), 0),
    inputs: nodes
      .filter(({ op }) => op === "input")
      .map((node) => ({ name: node.name, shape: node.shape, dims: ports[node.name].dims })),
    outputs: outputs.map((output) => ({ name: output, dims: ports[output].dims })),
  });
}

async function bytesOf(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    const message = `${file.name} cannot be read: it is a folder, or was moved since. Choose the files themselves.`;
    throw Object.assign(new Error(message), { code: "IO" });
  }
}

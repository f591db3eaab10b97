// outputs.ts: a model's outputs against those of its float network, whatever they are.
import { given, is, ShiftwiseError } from "../base/index.js";
import { SAMPLES, type Samples } from "../data/browser.js";
import { pause } from "../engine/index.js";
import { inferShapes, NETWORK, type Network } from "../graph/index.js";
import { type ModelDef, runReference, validateModel } from "../model/index.js";
import { Model } from "../runtime/index.js";
import { createFidelity, type OutputFidelity, sampleActivations } from "../training/index.js";
import { CONTROL, type ExecutorName, type MeasureControl, median } from "./measure.js";

/** The result of `measureOutputs`. */
export interface OutputsMeasurement {
  /** One for each output. */
  readonly outputs: readonly OutputFidelity[];
  readonly samples: number;
  /** Median of the model's time over the samples. */
  readonly msPerSample: number;
}

/**
 * Runs a model and its float network on the same samples and compares every output.
 * @param float the network that the model was made of; importOnnx of shiftwise/onnx makes it
 * @throws BAD_DATA for a network or samples of other shapes than the model's, and for no samples; UNSUPPORTED for a model with
 *   several inputs; ABORTED; what validateModel and Model.from throw
 */
export async function measureOutputs(
  def: ModelDef,
  float: Network,
  samples: Samples,
  name: ExecutorName = "wasm",
  control: MeasureControl = {},
): Promise<OutputsMeasurement> {
  given(
    { float, samples, name, control },
    { float: NETWORK, samples: SAMPLES, name: is.oneOf("wasm", "reference"), control: CONTROL },
  );
  validateModel(def);
  checkAlike(def, float, samples);
  // samples are planes
  const planes = { ...def, inputs: def.inputs.map((port) => ({ ...port, channelsLast: false })) };
  const [input] = planes.inputs;
  const model = name === "wasm" ? await Model.from(planes) : null;
  const run = (values: Float32Array) =>
    model ? model.runSync(values) : runReference(planes, { [input.name]: values }).outputs;
  const names = def.outputs.map((port) => port.name);
  const { add, read } = createFidelity(float);
  const times = new Float64Array(samples.count);
  let i = 0;
  try {
    for (const expected of sampleActivations(float, samples, float.outputs, 1)) {
      const values = samples.read(i, 1);
      const start = performance.now();
      const found = run(values);
      times[i] = performance.now() - start;
      add(expected, new Map(Object.entries(found)), names);
      i++;
      await control.onProgress?.(i / samples.count);
      if (control.signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while comparing outputs");
      await pause();
    }
  } finally {
    model?.dispose();
  }
  return { outputs: read().outputs, samples: samples.count, msPerSample: median(times) };
}

function checkAlike(def: ModelDef, float: Network, samples: Samples): void {
  const where = def.name;
  if (def.inputs.length !== 1) {
    throw new ShiftwiseError("UNSUPPORTED", "a model with several inputs", { where, found: def.inputs.length });
  }
  const shapes = inferShapes(float);
  const sizes = (name: string): string => shapes.get(name)!.join("x");
  const shapeOf = (tensor: string): string => def.tensors[tensor].shape.join("x");
  const input = float.nodes.find((node) => node.op === "input")!;
  const expected = [
    shapeOf(def.inputs[0].tensor),
    ...def.outputs.map((port) => `${port.name} ${shapeOf(port.tensor)}`),
  ];
  const found = [sizes(input.name), ...float.outputs.map((output) => `${output} ${sizes(output)}`)];
  if (found.join() !== expected.join()) {
    const text = ([first, ...outputs]: readonly string[]) => `an input of ${first}, outputs ${outputs.join(", ")}`;
    const details = { where, expected: text(expected), found: text(found) };
    throw new ShiftwiseError("BAD_DATA", "the network is not the one that the model was made of", details);
  }
  if (samples.count > 0 && samples.shape.join("x") === expected[0]) return;
  const details = {
    where,
    expected: `samples of ${expected[0]}`,
    found: `${samples.count} of ${samples.shape.join("x")}`,
  };
  throw new ShiftwiseError("BAD_DATA", "the model does not take these samples", details);
}

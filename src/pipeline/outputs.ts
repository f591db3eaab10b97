// outputs.ts: a model's outputs against those of its float network, whatever they are.
import { given, is, ShiftwiseError } from "../base/index.js";
import { SAMPLES, type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { pause } from "../engine/index.js";
import { inferShapes, inputsOf, NETWORK, type Network } from "../graph/index.js";
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
 * @param samples those of several inputs by the inputs' names
 * @throws BAD_DATA for a network or samples of other shapes than the model's, and for no samples; ABORTED; what validateModel and Model.from throw
 */
export async function measureOutputs(
  def: ModelDef,
  float: Network,
  samples: Samples | SamplesByInput,
  name: ExecutorName = "wasm",
  control: MeasureControl = {},
): Promise<OutputsMeasurement> {
  given(
    { float, samples, name, control },
    { float: NETWORK, samples: SAMPLES, name: is.oneOf("wasm", "reference"), control: CONTROL },
  );
  validateModel(def);
  checkAlike(def, float);
  const { count, read: valuesOf } = samplesReader(inputsOf(float), samples, def.name);
  if (count === 0) throw new ShiftwiseError("BAD_DATA", "no samples to compare on", { where: def.name });
  // samples are planes
  const planes = { ...def, inputs: def.inputs.map((port) => ({ ...port, channelsLast: false })) };
  const model = name === "wasm" ? await Model.from(planes) : null;
  const run = (values: Record<string, Float32Array>) =>
    model ? model.runSync(values) : runReference(planes, values).outputs;
  const names = def.outputs.map((port) => port.name);
  const { add, read } = createFidelity(float);
  const times = new Float64Array(count);
  let i = 0;
  try {
    for (const expected of sampleActivations(float, samples, float.outputs, 1)) {
      const values = Object.fromEntries(valuesOf(i, 1));
      const start = performance.now();
      const found = run(values);
      times[i] = performance.now() - start;
      add(expected, new Map(Object.entries(found)), names);
      i++;
      await control.onProgress?.(i / count);
      if (control.signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while comparing outputs");
      await pause();
    }
  } finally {
    model?.dispose();
  }
  return { outputs: read().outputs, samples: count, msPerSample: median(times) };
}

function checkAlike(def: ModelDef, float: Network): void {
  const shapes = inferShapes(float);
  const sizes = (name: string): string => `${name} ${shapes.get(name)!.join("x")}`;
  const shapeOf = (port: { readonly name: string; readonly tensor: string }): string =>
    `${port.name} ${def.tensors[port.tensor].shape.join("x")}`;
  const expected = `inputs ${def.inputs.map(shapeOf).join(", ")}; outputs ${def.outputs.map(shapeOf).join(", ")}`;
  const inputs = inputsOf(float).map(({ name }) => sizes(name));
  const found = `inputs ${inputs.join(", ")}; outputs ${float.outputs.map(sizes).join(", ")}`;
  if (found === expected) return;
  const details = { where: def.name, expected, found };
  throw new ShiftwiseError("BAD_DATA", "the network is not the one that the model was made of", details);
}

// generate.js: random valid models of every kind of layer, encoding and codebook, as cases that fast-check shrinks.
import fc from "fast-check";
import { drawFrom, tape } from "../tape.js";
import { createBuilder } from "./builder.js";
import { LAYERS } from "./layers.js";
import { drawEncoding, drawName, drawReals, drawShape, filled } from "./values.js";

const OPS = Object.keys(LAYERS);

/** What a model is made of: a tape for each input and each layer. */
export const MODEL = fc.record({
  head: tape(32),
  inputs: fc.array(tape(), { minLength: 1, maxLength: 3 }),
  layers: fc.array(fc.record({ op: fc.constantFrom(...OPS), tape: tape(64) }), { minLength: 1, maxLength: 7 }),
});

/**
 * The model of a case.
 * @returns the model, and values for its inputs, for two runs
 */
export function makeModel({ head, inputs, layers }) {
  const draw = drawFrom(head);
  const wild = draw.chance(0.15);
  const builder = createBuilder(wild);
  const portNames = new Set();
  const ports = (tensors) =>
    tensors.map((tensor) => {
      const name = drawName(draw, portNames);
      portNames.add(name);
      return { name, tensor };
    });
  const normalizations = new Map();
  const first = inputs.map((numbers) => {
    const own = drawFrom(numbers);
    const spec = { shape: drawShape(own), encoding: drawEncoding(own, wild) };
    const tensor = builder.tensor(own, spec);
    if (own.chance(0.3)) normalizations.set(tensor, drawNormalization(own.random(), spec.shape[0]));
    return tensor;
  });
  for (const { op, tape: numbers } of layers) LAYERS[op](drawFrom(numbers), builder);
  const inputPorts = ports(first).map((port) => {
    const normalization = normalizations.get(port.tensor);
    return { ...port, ...(normalization && { normalization }) };
  });
  portNames.clear();
  const outputs = Array.from({ length: 1 + draw.below(3) }, () => builder.source(draw));
  const def = {
    name: drawName(draw, new Set()),
    inputs: inputPorts,
    outputs: ports(outputs),
    ...(draw.chance(0.1) && { labels: ["", "ä", "\u0000"] }),
    tensors: builder.tensors,
    layers: builder.layers,
    ...(draw.chance(0.1) && { notes: { command: "x", constructor: "" } }),
  };
  const random = draw.random();
  return {
    def,
    runs: [drawInputs(random, def, wild), drawInputs(random, def, wild)],
    threads: draw.chance(0.25) ? 2 : 1,
  };
}

function drawNormalization(random, channels) {
  const values = (make) => Array.from({ length: channels }, make);
  return { mean: values(() => random.uniform()), std: values(() => 0.1 + random.uniform()) };
}

/** Values for every input; pixels for some of those that take them. */
function drawInputs(random, { inputs, tensors }, wild) {
  return Object.fromEntries(
    inputs.map(({ name, tensor, normalization }) => {
      const reals = drawReals(random, tensors[tensor], wild);
      return [
        name,
        normalization && random.chance(0.5) ? filled(new Uint8Array(reals.length), () => random.below(256)) : reals,
      ];
    }),
  );
}

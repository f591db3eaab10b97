// helpers.js: a quantizer on a few weights, as real values.

/** What a quantizer makes of a layer of one output channel, or of `outputs`; real values to 6 digits. */
export function quantized(quantizer, weights, bits, outputs = 1, before = undefined) {
  const layer = { name: "layer", shape: [outputs, weights.length / outputs], bits };
  const fit = quantizer.fit(Float32Array.from(weights), layer, before);
  const depth = weights.length / outputs;
  const values = Array.from(fit.codes, (code, i) => {
    return Number((fit.levels[code] * fit.scale[Math.floor(i / depth)]).toPrecision(6));
  });
  return { fit, values };
}

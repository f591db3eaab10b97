// validate.ts: everything about a model that the runtime relies on, checked once before it runs.
<<<<<<< HEAD:src/model/validate.ts
import { at, type Check, checker, INT32_MAX, fields as json } from "../format/index.js";
import {
  checkNormalization,
  elements,
  LAYERS,
  layerInputs,
  layerKind,
  type TensorSpec,
  validateEncoding,
} from "../ops/index.js";
import type { ModelDef } from "./model.js";
=======
import { type Check, checker, INT32_MAX, isFloat32 } from "./check.js";
import { at, identifier } from "./fields.js";
import { elements } from "./geometry.js";
import { type Encoding, layerInputs, type ModelDef, type TensorSpec } from "./model.js";
import { pixelToReal } from "./numeric.js";
import { checkLayer } from "./validate-layer.js";
>>>>>>> main:src/format/validate.ts

/**
 * Checks a whole model: names, shapes, encodings, weights, epilogues, and that no int32 sum can overflow.
 * @param where file name for error messages
 * @throws BAD_GRAPH; BAD_FILE for a malformed name; OVERFLOW for sums or tensors beyond 2^31 - 1
 */
export function validateModel(def: ModelDef, where = ""): void {
  const check: Check = checker(where);
  const written = new Set<string>();
  const spec = (name: string, place: string): TensorSpec => {
    check(Object.hasOwn(def.tensors, name), place, "a tensor of the model", name);
    return def.tensors[name];
  };
  const write = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(!written.has(name), place, "a tensor not written before", name);
    written.add(name);
    return tensor;
  };
  const read = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(written.has(name), place, "an input or the output of an earlier layer", name);
    return tensor;
  };
  const unique = (names: readonly string[], place: string): void => {
    names.forEach((name, i) => {
      json.identifier(name, at(where, `${place}[${i}]`));
    });
    check(new Set(names).size === names.length, place, "names that differ", names);
  };

  json.identifier(def.name, at(where, "name"));
  for (const key of Object.keys(def.notes ?? {})) json.identifier(key, at(where, "notes"));
  let total = 0;
  for (const [name, tensor] of Object.entries(def.tensors)) {
    const place = `tensor ${json.identifier(name, at(where, "tensors"))}`;
    check(tensor.shape.length === 3, `${place}.shape`, "3 dimensions", tensor.shape);
    for (const n of tensor.shape)
      check(Number.isInteger(n) && n > 0, `${place}.shape`, "positive integers", tensor.shape);
    total += elements(tensor.shape);
    check(total <= INT32_MAX, place, `at most ${INT32_MAX} elements in all tensors`, total, "OVERFLOW");
    validateEncoding(tensor.encoding, at(where, `${place}.encoding`));
  }
  for (const side of ["inputs", "outputs"] as const) {
    check(def[side].length > 0, side, "at least one", 0);
    unique(
      def[side].map((port) => port.name),
      side,
    );
  }
  unique(
    def.layers.map((layer) => layer.name),
    "layers",
  );
  for (const port of def.inputs) {
    const place = `input ${port.name}`;
    const [channels] = write(port.tensor, place).shape;
<<<<<<< HEAD:src/model/validate.ts
    if (port.normalization) checkNormalization(port.normalization, channels, place, check);
=======
    if (port.normalization) {
      const { mean, std } = port.normalization;
      check(mean.length === channels && mean.every(Number.isFinite), place, `${channels} finite means`, mean);
      check(
        std.length === channels && std.every((s) => s > 0 && s < Infinity),
        place,
        `${channels} positive stds`,
        std,
      );
      for (let c = 0; c < channels; c++) {
        const ends = [0, 255].map((pixel) => pixelToReal(pixel, c, port.normalization!));
        check(ends.every(Number.isFinite), place, "pixels that float32 holds", { mean: mean[c], std: std[c] });
      }
    }
>>>>>>> main:src/format/validate.ts
  }
  for (const layer of def.layers) {
    const place = `layer ${layer.name}`;
    check(Object.hasOwn(LAYERS, layer.op), place, `a kind of layer: ${Object.keys(LAYERS).join(", ")}`, layer.op);
    const second = "residual" in layer && layer.residual ? 1 : null;
    const inputs = layerInputs(layer).map((name, i) => read(name, `${place}.${i === second ? "residual" : "input"}`));
    const output = write(layer.output, `${place}.output`);
    layerKind(layer).check(layer, inputs, output, (ok, field, expected, found, code) =>
      check(ok, at(place, field), expected, found, code),
    );
  }
  for (const port of def.outputs) read(port.tensor, `output ${port.name}`);
  for (const name of Object.keys(def.tensors))
    check(written.has(name), `tensor ${name}`, "a layer that writes it", "none");
}
<<<<<<< HEAD:src/model/validate.ts
=======

/**
 * Checks an activation encoding by itself.
 * @throws BAD_GRAPH
 */
export function validateEncoding(encoding: Encoding, where = ""): void {
  const check: Check = checker(where);
  if (encoding.kind === "float32") return;
  check(encoding.scale > 0 && encoding.scale < Infinity, "scale", "finite and positive", encoding.scale);
  if (encoding.kind === "linear") {
    const { zero, max } = encoding;
    check(Number.isInteger(max) && max >= 1 && max <= 255, "max", "an integer in 1..255", max);
    check(Number.isInteger(zero) && zero >= 0 && zero <= max, "zero", `an integer in 0..${max}`, zero);
    checkScale(encoding.scale, Math.max(zero, max - zero), check);
    return;
  }
  const { levels, thresholds } = encoding;
  check(levels.length >= 2 && Object.is(levels[0], 0), "levels", "two or more, the first 0", levels);
  levels.forEach((level, i) => {
    const ok = Number.isInteger(level) && level <= 255 && (i === 0 || level > levels[i - 1]);
    check(ok, `levels[${i}]`, "ascending integers up to 255", level);
  });
  check(thresholds.length === levels.length - 1, "thresholds", `${levels.length - 1} values`, thresholds.length);
  thresholds.forEach((threshold, i) => {
    const ok = isFloat32(threshold) && (i === 0 || threshold > thresholds[i - 1]);
    check(ok, `thresholds[${i}]`, "ascending finite float32 values", threshold);
  });
  checkScale(encoding.scale, levels[levels.length - 1], check);
}

/** Values are scaled in float32, so a scale, its inverse and every real value that it makes are numbers there. */
function checkScale(scale: number, farthest: number, check: Check): void {
  const inverse = Math.fround(1 / scale);
  const inFloat32 = Math.fround(scale) > 0 && inverse > 0 && inverse < Infinity;
  check(inFloat32, "scale", "a scale and an inverse that float32 holds", scale);
  const real = Math.fround(Math.fround(scale) * farthest);
  check(real < Infinity, "scale", `a real value of ${farthest} steps that float32 holds`, scale);
}
>>>>>>> main:src/format/validate.ts

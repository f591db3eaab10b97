// prepare.js: other people's networks made ready to be measured: ONNX files, quantized as a user would, and their inputs.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { openCalibration } from "../../dist/data/index.js";
import { createRandom, inputsOf } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { exportOnnx, importOnnx } from "../../dist/onnx/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { macsOf } from "../networks.js";

/** Images that calibrate; a quarter of so few is held out, and says what the model keeps. */
const IMAGES = 12;
/** Of pictures in 0..1, as most networks that say nothing else take them. */
const NORMALIZATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Imports an ONNX file and quantizes it at some widths.
 * @param pictures a folder of pictures; null: noise
 * @returns name, macs, float (bytes of the ONNX file), input (one run's values by name), models: id, title, snr (of the output
 *   that keeps least, in dB), bytes, and qdq (the same model as an ONNX file for int8 runtimes)
 */
export async function prepareField(path, widths, pictures) {
  const name = basename(path, ".onnx");
  const float = readFileSync(path);
  const network = await importOnnx(float);
  const inputs = inputsOf(network);
  const samples = Object.fromEntries(
    await Promise.all(inputs.map(async (node) => [node.name, await open(node, pictures)])),
  );
  const images = inputs.length === 1 ? samples[inputs[0].name] : samples;
  const models = [];
  for (const bits of widths) {
    const { model, quality } = await quantizeFromImages(network, images, { bits });
    const kept = quality.outputs.map(({ snr }) => snr).filter((snr) => snr !== null);
    models.push({
      id: `w${bits}a8`,
      snr: Math.min(...kept),
      bytes: encodeModel(model),
      qdq: exportOnnx(model, { form: "qdq" }),
    });
  }
  const input = Object.fromEntries(
    inputs.map(({ name: port }) => [port, (samples[port].samples ?? samples[port]).read(0, 1)]),
  );
  return { name, macs: macsOf(network), float, input, models };
}

/** Pictures for an input that takes such, else noise. */
async function open({ name, shape, normalization }, pictures) {
  if (pictures !== null && (shape[0] === 3 || shape[0] === 1) && shape[1] > 8 && shape[2] > 8) {
    const usual = shape[0] === 3 ? NORMALIZATION : { mean: [0.5], std: [0.5], channels: "grey" };
    return openCalibration(pictures, shape, normalization ? {} : usual, IMAGES, name);
  }
  const size = shape.reduce((product, n) => product * n);
  const random = createRandom(3);
  const values = Float32Array.from({ length: IMAGES * size }, () => random.normal());
  return { count: IMAGES, shape, read: (from, count) => values.slice(from * size, (from + count) * size) };
}

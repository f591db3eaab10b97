// multiply.js: int8 convolution with multiplications, written for this bench in the same language with the same compiler
// as the runtime: so that "shifts instead of multiplies" is tested and not assumed. Layers only.
import { checkEqual } from "../check.js";
import { int8Layer } from "../int8.js";
import { repeatSync } from "../timing.js";

/** Gathered panels are cut to about this, to stay in the first-level cache. */
const PANEL_BYTES = 20480;

/** Taps that one dot product adds up, and the type of their weights. */
const PAIRS = { size: 2, Weights: Int16Array };
const QUADS = { size: 4, Weights: Int8Array };
/** What the relaxed dot product's second operand holds on every engine. */
const SEVEN_BITS = 127;

/** @param bytes the modules of multiply/build.js */
export const multiplyContestants = ({ plain, relaxed }) => [
  {
    id: "own_int8",
    title: "own int8 multiply",
    prepare: (task) => prepare(task, plain, PAIRS, 255),
  },
  {
    id: "own_int8_relaxed",
    title: "own int8 relaxed dot, 7-bit",
    ready: async () => {
      if (!WebAssembly.validate(relaxed)) throw new Error("this engine has no relaxed SIMD");
    },
    prepare: (task) => (task.layerKind === "depthwise" ? null : prepare(task, relaxed, QUADS, SEVEN_BITS)),
  },
];

async function prepare(task, bytes, group, max) {
  if (task.kind !== "layer") return null;
  const module = await WebAssembly.compile(bytes);
  const { exports: wasm } = await WebAssembly.instantiate(module, {});
  const layer = int8Layer(task, max);
  const { run, read } = lay(wasm, layer, group);
  return {
    output: () => {
      run();
      return read();
    },
    check: (values) => checkEqual(values, layer.expected),
    time: (count) => repeatSync(count, run),
    run,
    dispose: () => {},
  };
}

/** Lays a layer out in the module's memory; the input with its padding around it, as a producer would have left it. */
function lay(wasm, { input, zero, codes, scale, offset, conv, shape, outShape }, { size, Weights }) {
  const [channels, height, width] = shape;
  const [outputs, outHeight, outWidth] = outShape;
  const [top, left, bottom, right] = conv.padding;
  const [stride] = conv.stride;
  const depthwise = conv.groups > 1;
  // a 1x1 convolution is one long row
  const flat = conv.kernel[0] * conv.kernel[1] * stride === 1;
  const rows = flat ? 1 : outHeight;
  const columns = flat ? outHeight * outWidth : outWidth;
  const rowBytes = left + width + right;
  const inputBytes = (top + height + bottom) * rowBytes + 32;
  const planeBytes = outHeight * outWidth + 8;

  const depth = codes.length / outputs;
  const pairs = Math.ceil(depth / size);
  const offsets = Array.from({ length: size * pairs }, (_, index) => {
    const k = Math.min(index, depth - 1);
    const tap = k % (conv.kernel[0] * conv.kernel[1]);
    const channel = Math.floor(k / (conv.kernel[0] * conv.kernel[1]));
    return channel * inputBytes + Math.floor(tap / conv.kernel[1]) * rowBytes + (tap % conv.kernel[1]);
  });
  const block = depthwise ? 1 : Math.max(1, Math.floor(PANEL_BYTES / (pairs * 32)));

  let end = 65536;
  const reserve = (bytes) => {
    const at = end;
    end += (bytes + 79) & ~15;
    return at;
  };
  const padded = Math.ceil(outputs / 4) * 4;
  const planes = reserve(channels * inputBytes);
  const weights = reserve(padded * pairs * 4);
  const ends = reserve(padded * 8);
  const taps = reserve(offsets.length * 4);
  const panelCount = rows * Math.ceil(columns / 8);
  const places = reserve(panelCount * 8);
  const panels = reserve(block * pairs * 32);
  const out = reserve(padded * planeBytes);
  const missing = end - wasm.memory.buffer.byteLength;
  if (missing > 0) wasm.memory.grow(Math.ceil(missing / 65536));

  const { buffer } = wasm.memory;
  new Uint32Array(buffer, taps, offsets.length).set(offsets);
  const bytes = new Uint8Array(buffer, planes, channels * inputBytes).fill(zero);
  for (let i = 0; i < channels * height; i++) {
    const row = input.subarray(i * width, (i + 1) * width);
    bytes.set(row, Math.floor(i / height) * inputBytes + (top + (i % height)) * rowBytes + left);
  }
  const packed = new Weights(buffer, weights, padded * pairs * size);
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < depth; k++) {
      const group = Math.floor(k / size);
      const at = depthwise ? o * pairs * size + k : (((o >> 2) * pairs + group) * 4 + (o & 3)) * size + (k % size);
      packed[at] = codes[o * depth + k];
    }
  }
  const endings = new Float32Array(buffer, ends, padded * 2);
  for (let o = 0; o < outputs; o++) endings.set([scale[o], offset[o]], o * 2);
  const placed = new Uint32Array(buffer, places, panelCount * 2);
  let at = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x += 8) {
      placed[at++] = planes + (y * rowBytes + x) * stride;
      placed[at++] = y * columns + x;
    }
  }
  const run = depthwise
    ? () =>
        wasm.depthwise_dot_1x8(
          weights,
          ends,
          places,
          panelCount,
          taps,
          pairs,
          stride,
          outputs,
          inputBytes,
          out,
          planeBytes,
        )
    : () =>
        wasm.conv_dot_4x8(
          weights,
          ends,
          places,
          panelCount,
          taps,
          pairs,
          stride,
          panels,
          block,
          padded,
          out,
          planeBytes,
        );
  const read = () => {
    const values = new Uint8Array(outputs * outHeight * outWidth);
    const plane = outHeight * outWidth;
    for (let o = 0; o < outputs; o++) values.set(new Uint8Array(buffer, out + o * planeBytes, plane), o * plane);
    return values;
  };
  return { run, read };
}

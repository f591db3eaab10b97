// dense.ts: the steps of dense layers, and of convolutions of a single pixel.
import { type ConvLayer, type DenseLayer, elements } from "../format/index.js";
import { planEpilogue } from "./epilogue.js";
import { elementBytes, roundUp } from "./memory.js";
import { packDense, packFloat } from "./schedule.js";
import type { PlanContext, Step } from "./step.js";

const TABLES_BYTES = 8192;

export function planDense(context: PlanContext, layer: DenseLayer | ConvLayer): Step {
  const { memory } = context;
  const { weights } = layer;
  const { shape, encoding } = context.spec(layer.input);
  const inputs = elements(shape);
  const plane = inputs / shape[0];
  const outputs = context.spec(layer.output).shape[0];
  const blocks = Math.ceil(outputs / 16);
  const residual = layer.op === "conv" ? layer.residual : undefined;
  const epilogue = planEpilogue(context, layer.epilogue, outputs, layer.output, { residual });
  const bytes = elementBytes(encoding);

  // scratch: sums | the input flattened | the list of inputs that are not 0 | product tables
  const sumsBytes = blocks * 64;
  const flatBytes = roundUp(inputs * bytes, 16);
  const listBytes = roundUp(inputs * 4 + 4, 16);
  memory.needScratch(sumsBytes + flatBytes + listBytes);
  const codes = weights.kind === "codes";
  const packed = memory.constant(codes ? packDense(weights.codes, outputs) : packFloat(weights.values, outputs, 16));
  const tables = codes ? memory.shared("dense tables", denseTables) : 0;
  return {
    name: layer.name,
    op: layer.op,
    units: 1,
    run(kernels, _first, _last, scratch) {
      const from = context.place(layer.input);
      let input = from.address;
      if (plane > 1) {
        input = scratch + sumsBytes;
        kernels.flatten(input, from.address, from.planeBytes, shape[0], plane * bytes);
      }
      if (codes) {
        const list = scratch + sumsBytes + flatBytes;
        const count = kernels.dense_nonzero(list, input, inputs);
        kernels.dense_codes_c16(packed, inputs * 16, blocks, tables, list, count, scratch);
      } else {
        kernels.dense_f32_c16(packed, input, inputs, scratch, blocks);
      }
      kernels.end_vector(epilogue, scratch, outputs, Number(codes));
    },
  };
}

/** For each activation 0..255 its 16 products with +-2^0..2^7, low bytes then high bytes. */
function denseTables(): Uint8Array {
  const tables = new Uint8Array(TABLES_BYTES);
  for (let x = 0, at = 0; x < 256; x++, at += 32) {
    for (let e = 0; e < 8; e++) {
      const product = x << e;
      tables[at + e] = product;
      tables[at + e + 16] = product >> 8;
      tables[at + e + 8] = -product;
      tables[at + e + 24] = -product >> 8;
    }
  }
  return tables;
}

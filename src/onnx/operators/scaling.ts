// scaling.ts: normalizations that scale alone: by the norm of a line, by the response of neighbouring channels.
import { elements, power, type Shape } from "../../ops/index.js";
import { range, sum, transposed } from "./arrays.js";
import { combined } from "./binary.js";
import { axisOf, checkWork, expectNode, make, onlyActivation, planes, required, resultName } from "./call.js";
import { operator } from "./operator.js";
import { along, reduced } from "./reduce.js";
import { float, int } from "./spec.js";
import { inSteps, type ShortStep, stepped } from "./steps.js";

/** x / norm along an axis; a line of zeros stays zero. */
export const lpNormalization = operator(
  { axis: int(-1), p: int(2, { legal: [1, 2] }) },
  {
    evaluate(call) {
      const x = required(call, 0);
      const axis = axisOf(call.node, call.attributes.axis, x.dims.length);
      const order = [...range(x.dims.length).filter((one) => one !== axis), axis];
      const lines = transposed(call, x, order);
      const length = x.dims[axis];
      for (let i = 0; i < lines.data.length; i += length) {
        const line = lines.data.subarray(i, i + length);
        const one = call.attributes.p === 1;
        const total = sum(Array.from(line, (value) => (one ? Math.abs(value) : value * value)));
        const norm = one ? total : Math.sqrt(total);
        for (let k = 0; k < length; k++) if (norm !== 0) line[k] /= norm;
      }
      return [
        transposed(
          call,
          lines,
          x.dims.map((_, k) => order.indexOf(k)),
        ),
      ];
    },
    convert(conversion) {
      const x = onlyActivation(conversion);
      const name = resultName(conversion);
      const axis = axisOf(conversion.node, conversion.attributes.axis, x.dims.length);
      const one = conversion.attributes.p === 1;
      const sizes = stepped(conversion, x, one ? inSteps(["abs", [0]]) : inSteps(["mul", [0, 0]]), `${name}.size`);
      const mean = reduced(conversion, "mean", sizes, along(x.dims, [axis]), `${name}.mean`);
      const total: readonly ShortStep[] = [
        ["constant", [], x.dims[axis]],
        ["mul", [0, 1]],
      ];
      const norm: readonly ShortStep[] = one ? [["abs", [2]]] : [["sqrt", [2]]];
      // 1 / 0 would make NaN of a line of zeros; below the root of the least float32 squares vanish, and elements are not to outgrow 1
      const least = one ? 2 ** -126 : 2 ** -75;
      const inverse = inSteps(
        ...total,
        ...norm,
        ["constant", [], least],
        ["max", [3, 4]],
        ["constant", [], 1],
        ["div", [6, 5]],
      );
      return [combined(conversion, "mul", x, stepped(conversion, mean, inverse, `${name}.factor`))];
    },
  },
);

/** y = x / (bias + alpha / size sum x^2)^beta, the sum over `size` channels around each. */
export const localResponse = operator(
  { alpha: float(Math.fround(1e-4)), beta: float(0.75), bias: float(1), size: int(1) },
  {
    evaluate(call) {
      const x = required(call, 0);
      const { alpha, beta, bias, size } = call.attributes;
      const [channels, plane] = [x.dims[1], elements(x.dims.slice(2))];
      const y = make(call, x.type, x.dims);
      checkWork(call, y.data.length * size);
      for (let i = 0; i < y.data.length; i++) {
        const c = Math.floor(i / plane) % channels;
        let total = 0;
        for (let k = c - Math.floor((size - 1) / 2); k <= c + Math.ceil((size - 1) / 2); k++) {
          if (k >= 0 && k < channels) total += x.data[i + (k - c) * plane] ** 2;
        }
        y.data[i] = x.data[i] / power(bias + (alpha / size) * total, beta);
      }
      return [y];
    },
    convert(conversion) {
      const { draft, attributes } = conversion;
      const { alpha, beta, bias, size } = attributes;
      const { dims, shape, input } = planes(conversion);
      const [channels, height, width] = shape;
      expectNode(Number.isInteger(size) && size >= 1, conversion.node, "an integer from 1 on", size, "size");
      const name = resultName(conversion);
      const x = { node: input, dims };
      const square = stepped(conversion, x, inSteps(["mul", [0, 0]]), `${name}.square`);
      // channels as rows: a window over them is one over `size` rows
      const rows: Shape = [1, channels, height * width];
      const [before, behind] = [Math.floor, Math.ceil].map((round) => Math.min(round((size - 1) / 2), channels - 1));
      const count = before + behind + 1;
      const pad = { op: "pad", channels: [0, 0], rows: [before, behind], columns: [0, 0], value: 0 } as const;
      const padded = draft.add(`${name}.padded`, { ...pad, input: draft.shaped(square, rows) }, [
        1,
        channels + count - 1,
        rows[2],
      ]);
      const pool = { op: "avgPool", input: padded, kernel: [count, 1], stride: [1, 1] } as const;
      const mean = { node: draft.add(`${name}.mean`, pool, rows), dims };
      const factor = stepped(
        conversion,
        { node: draft.shaped(mean, shape), dims },
        inSteps(
          ["constant", [], (alpha * count) / size],
          ["mul", [0, 1]],
          ["constant", [], bias],
          ["add", [2, 3]],
          ["constant", [], -beta],
          ["pow", [4, 5]],
        ),
        `${name}.factor`,
      );
      return [combined(conversion, "mul", x, factor)];
    },
  },
);

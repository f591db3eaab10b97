// reference-loops.ts: which values of a node's tensors meet which, one index at a time, for reference-nodes.ts.
import type { ConvNode, Node, Shape } from "../ops/index.js";
import type { Mode } from "./layer.js";

/** A node with everything it reads. */
export interface Call {
  readonly node: Node;
  readonly count: number;
  readonly shapes: readonly Shape[];
  readonly shape: Shape;
  readonly inputs: readonly Float64Array[];
  readonly parameter: (field: string) => Float64Array;
  readonly mode: Mode;
  readonly seed: number;
}

/** Every (output, weight, input) index triple of a convolution; dense is one over a single pixel. */
export function eachProduct(call: Call, visit: (y: number, w: number, x: number) => void): void {
  const { node, count, shape } = call;
  const dense = node.op === "dense";
  const [cIn, h, w]: Shape = dense ? [call.inputs[0].length / count, 1, 1] : call.shapes[0];
  const conv = dense ? null : (node as ConvNode);
  const [kh, kw] = conv ? conv.weight.shape.slice(2) : [1, 1];
  const [[sy, sx], [dy, dx], [top, left], groups] = conv
    ? [conv.stride, conv.dilation, conv.padding, conv.groups]
    : [[1, 1], [1, 1], [0, 0], 1];
  const [gi, go] = [cIn / groups, shape[0] / groups];
  for (let n = 0; n < count; n++) {
    for (let m = 0; m < shape[0]; m++) {
      for (let oy = 0; oy < shape[1]; oy++) {
        for (let ox = 0; ox < shape[2]; ox++) {
          const y = ((n * shape[0] + m) * shape[1] + oy) * shape[2] + ox;
          for (let c = 0; c < gi; c++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const [iy, ix] = [oy * sy + ky * dy - top, ox * sx + kx * dx - left];
                if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
                const channel = Math.floor(m / go) * gi + c;
                visit(y, ((m * gi + c) * kh + ky) * kw + kx, ((n * cIn + channel) * h + iy) * w + ix);
              }
            }
          }
        }
      }
    }
  }
}

/** Every (output, its inputs) of a pooling layer; padding is left out. */
export function eachWindow(call: Call, visit: (y: number, window: readonly number[]) => void): void {
  const { node, count, shape } = call;
  const [channels, h, w] = call.shapes[0];
  const pool = node.op === "maxPool" || node.op === "avgPool" ? node : null;
  const kernel = pool?.kernel ?? [h, w];
  const [sy, sx] = pool?.stride ?? [1, 1];
  const [top, left] = node.op === "maxPool" ? node.padding : [0, 0];
  for (let p = 0; p < count * channels; p++) {
    for (let oy = 0; oy < shape[1]; oy++) {
      for (let ox = 0; ox < shape[2]; ox++) {
        const window: number[] = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [iy, ix] = [oy * sy + ky - top, ox * sx + kx - left];
            if (iy >= 0 && iy < h && ix >= 0 && ix < w) window.push((p * h + iy) * w + ix);
          }
        }
        visit((p * shape[1] + oy) * shape[2] + ox, window);
      }
    }
  }
}

/** Every pair of an element of the smaller tensor of a pad or slice, and the element of the larger one it is. */
export function eachMoved(call: Call, visit: (inner: number, outer: number) => void): void {
  const { node, count, shape } = call;
  const [input] = call.shapes;
  const pad = node.op === "pad";
  const [small, large] = pad ? [input, shape] : [shape, input];
  const none: Shape = [0, 0, 0];
  const start = pad ? [node.channels[0], node.rows[0], node.columns[0]] : node.op === "slice" ? node.start : none;
  const step = node.op === "slice" ? node.step : [1, 1, 1];
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < small[0]; c++) {
      for (let y = 0; y < small[1]; y++) {
        for (let x = 0; x < small[2]; x++) {
          const [channel, row, column] = [c, y, x].map((at, axis) => start[axis] + at * step[axis]);
          visit(
            ((n * small[0] + c) * small[1] + y) * small[2] + x,
            ((n * large[0] + channel) * large[1] + row) * large[2] + column,
          );
        }
      }
    }
  }
}

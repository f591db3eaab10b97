// windows.js: pooling: maxima and means over windows; padding is left out.

/** Calls `visit` with every output and the inputs in its window. */
function eachWindow({ node, count, shape, shapes }, visit) {
  const [channels, height, width] = shapes[0];
  const { kernel = [height, width], stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = node;
  for (let p = 0; p < count * channels; p++) {
    for (let oy = 0; oy < shape[1]; oy++) {
      for (let ox = 0; ox < shape[2]; ox++) {
        const window = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const y = oy * stride[0] + ky * dilation[0] - padding[0];
            const x = ox * stride[1] + kx * dilation[1] - padding[1];
            if (y >= 0 && y < height && x >= 0 && x < width) window.push((p * height + y) * width + x);
          }
        }
        visit((p * shape[1] + oy) * shape[2] + ox, window);
      }
    }
  }
}

/** join(values of the window) for every window. */
function pooled(call, join) {
  const y = new Float64Array(call.count * call.shape[0] * call.shape[1] * call.shape[2]);
  eachWindow(call, (o, window) => {
    y[o] = join(window.map((i) => call.inputs[0][i]));
  });
  return y;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Sums over windows. */
export const windowSums = (call) => pooled(call, sum);

const mean = {
  forward: (call) => pooled(call, (values) => sum(values) / values.length),
  backward(call, dy, [dx]) {
    eachWindow(call, (o, window) => {
      for (const i of window) dx[i] += dy[o] / window.length;
    });
  },
};

const maximum = {
  forward: (call) => pooled(call, (values) => Math.max(...values)),
  /** The first of equal values takes the gradient. */
  backward(call, dy, [dx]) {
    const [x] = call.inputs;
    eachWindow(call, (o, window) => {
      dx[window.reduce((best, i) => (x[i] > x[best] ? i : best))] += dy[o];
    });
  },
};

export const WINDOWS = { maxPool: maximum, avgPool: mean, globalAvgPool: mean };

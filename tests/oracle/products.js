// products.js: convolution and dense layers, product by product.

/** Calls `visit` with every (output, weight, input) index triple; the input's is -1 in padding. */
function eachProduct({ node, count, shape, shapes, inputs }, visit) {
  const dense = node.op === "dense";
  const [channels, height, width] = dense ? [inputs[0].length / count, 1, 1] : shapes[0];
  const [outputs, rows, columns] = shape;
  const [kh, kw] = dense ? [1, 1] : (node.kernel ?? node.weight.shape.slice(2));
  const { stride = [1, 1], dilation = [1, 1], padding = [0, 0], groups = 1 } = node;
  const depth = channels / groups;
  for (let n = 0; n < count; n++) {
    for (let o = 0; o < outputs; o++) {
      const first = n * channels + Math.floor((o * groups) / outputs) * depth;
      for (let oy = 0; oy < rows; oy++) {
        for (let ox = 0; ox < columns; ox++) {
          const to = ((n * outputs + o) * rows + oy) * columns + ox;
          for (let c = 0; c < depth; c++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const y = oy * stride[0] + ky * dilation[0] - padding[0];
                const x = ox * stride[1] + kx * dilation[1] - padding[1];
                const inside = y >= 0 && y < height && x >= 0 && x < width;
                const from = inside ? ((first + c) * height + y) * width + x : -1;
                visit(to, ((o * depth + c) * kh + ky) * kw + kx, from);
              }
            }
          }
        }
      }
    }
  }
}

/** Sums of products without a bias. @param outside what padding holds */
export function productSums(call, weights, outside = 0) {
  const [x] = call.inputs;
  const sums = new Float64Array(call.count * call.shape[0] * call.shape[1] * call.shape[2]);
  eachProduct(call, (o, w, i) => {
    sums[o] += weights[w] * (i < 0 ? outside : x[i]);
  });
  return sums;
}

const product = {
  forward(call) {
    const { node, parameter, shape } = call;
    const sums = productSums(call, parameter("weight"));
    if (!node.bias) return sums;
    const bias = parameter("bias");
    return sums.map((sum, i) => sum + bias[Math.floor(i / (shape[1] * shape[2])) % shape[0]]);
  },
  backward(call, dy, [dx]) {
    const { node, inputs, parameter, shape } = call;
    const weight = parameter("weight");
    const dw = new Float64Array(weight.length);
    eachProduct(call, (o, w, i) => {
      if (i < 0) return;
      dw[w] += dy[o] * inputs[0][i];
      dx[i] += dy[o] * weight[w];
    });
    if (!node.bias) return { weight: dw };
    const db = new Float64Array(shape[0]);
    for (let i = 0; i < dy.length; i++) db[Math.floor(i / (shape[1] * shape[2])) % shape[0]] += dy[i];
    return { weight: dw, bias: db };
  },
};

export const PRODUCTS = { conv: product, dense: product };

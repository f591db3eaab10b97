// moves.js: nodes whose results are elements of their inputs, or sums of those times numbers that the node holds.
import { eachPlace, strides, volume } from "./places.js";

/**
 * A node from its terms.
 * @param terms calls visit(o, i, weight = 1, k = 0) for every term weight . input k [i] of result o; a result without terms
 *   is the node's `value`
 */
function linear(terms) {
  return {
    forward(call) {
      const { node, inputs, count, shape } = call;
      const sums = new Float64Array(count * volume(shape));
      const met = new Uint8Array(sums.length);
      terms(call, (o, i, weight = 1, k = 0) => {
        sums[o] += weight * inputs[k][i];
        met[o] = 1;
      });
      return sums.map((sum, o) => (met[o] ? sum : node.value));
    },
    backward(call, dy, dxs) {
      terms(call, (o, i, weight = 1, k = 0) => {
        dxs[k][i] += weight * dy[o];
      });
    },
  };
}

/** A node each of whose results is one element. @param source of (node, [c, y, x]): the element's place; null for none */
function move(source) {
  return linear(({ node, count, shape, shapes: [own] }, visit) => {
    eachPlace(count, shape, (o, n, ...place) => {
      const from = source(node, place);
      const inside = from.every((at, axis) => at >= 0 && at < own[axis]);
      if (inside) visit(o, ((n * own[0] + from[0]) * own[1] + from[1]) * own[2] + from[2]);
    });
  });
}

export const MOVES = {
  add: linear(({ inputs }, visit) => {
    for (const [k, x] of inputs.entries()) for (let i = 0; i < x.length; i++) visit(i, i, 1, k);
  }),
  concat: linear(({ count, shape, shapes }, visit) => {
    let before = 0;
    for (const [k, own] of shapes.entries()) {
      eachPlace(count, own, (i, n, c, y, x) => {
        visit(((n * shape[0] + before + c) * shape[1] + y) * shape[2] + x, i, 1, k);
      });
      before += own[0];
    }
  }),
  pad: move(({ channels, rows, columns }, [c, y, x]) => [c - channels[0], y - rows[0], x - columns[0]]),
  slice: move(({ start, step }, place) => place.map((n, axis) => start[axis] + n * step[axis])),
  gather: move(({ channels, rows, columns }, [c, y, x]) => [channels[c], rows[y], columns[x]]),
  permute: linear(({ node: { dims, order }, count }, visit) => {
    const [from, to] = [strides(dims), strides(order.map((axis) => dims[axis]))];
    const size = volume(dims);
    for (let o = 0; o < count * size; o++) {
      const place = o % size;
      visit(
        o,
        order.reduce((sum, axis, k) => sum + (Math.floor(place / to[k]) % dims[axis]) * from[axis], o - place),
      );
    }
  }),
  resample: linear(({ node: { rows, columns }, count, shape, shapes: [own] }, visit) => {
    const [tall, wide] = [rows.indices.length / shape[1], columns.indices.length / shape[2]];
    eachPlace(count, shape, (o, n, c, y, x) => {
      for (let j = y * tall; j < (y + 1) * tall; j++) {
        for (let k = x * wide; k < (x + 1) * wide; k++) {
          const from = ((n * own[0] + c) * own[1] + rows.indices[j]) * own[2] + columns.indices[k];
          visit(o, from, rows.weights[j] * columns.weights[k]);
        }
      }
    });
  }),
};

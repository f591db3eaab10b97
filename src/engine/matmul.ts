// matmul.ts: the layer of products of two matrices that both depend on the input.
import { type MatmulNode, multiply, type Shape } from "../ops/index.js";
import { type PlainPass, runsHere } from "./plain.js";

/** y = a b; da = dy bT and db = aT dy, added up over the matrices that one met. */
function matmulPass(_: MatmulNode, [a, b]: readonly Shape[], [batch, rows, columns]: Shape): PlainPass {
  const depth = a[2];
  /** Every pair of matrices, as the places where the operands and the result begin. */
  const eachPair = (count: number, visit: (atA: number, atB: number, to: number) => void): void => {
    for (let n = 0; n < count * batch; n++) {
      const [image, matrix] = [Math.floor(n / batch), n % batch];
      const at = (shape: Shape): number => (image * shape[0] + (shape[0] === 1 ? 0 : matrix)) * shape[1] * shape[2];
      visit(at(a), at(b), n * rows * columns);
    }
  };
  return {
    forward([x, y], to, count) {
      eachPair(count, (atA, atB, at) => {
        const [left, right] = [x.subarray(atA, atA + rows * depth), y.subarray(atB, atB + depth * columns)];
        multiply(left, right, to.subarray(at, at + rows * columns), [rows, depth, columns]);
      });
    },
    backward([x, y], _y, dy, [dx, dw], count) {
      eachPair(count, (atA, atB, at) => {
        for (let i = 0; i < rows; i++) {
          for (let k = 0; k < depth; k++) {
            const factor = x[atA + i * depth + k];
            let sum = 0;
            for (let j = 0, from = at + i * columns, to = atB + k * columns; j < columns; j++, from++, to++) {
              sum += dy[from] * y[to];
              if (dw) dw[to] += factor * dy[from];
            }
            if (dx) dx[atA + i * depth + k] += sum;
          }
        }
      });
    },
  };
}

export const matmulLayer = runsHere(matmulPass);

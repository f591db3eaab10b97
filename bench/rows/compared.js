// compared.js: the table of methods side by side, as `compare` gives them.
import { accuracy, bytes, points, table } from "./cells.js";

const REMARKS = { "bwn:1/1": "XNOR-Net" };

/** Methods side by side, as `compare` prints them. */
export function compareTable(rows) {
  const remark = ({ method, huffmanBytes }) =>
    [
      REMARKS[method],
      method.endsWith("@0") ? "without retraining" : null,
      huffmanBytes ? `${bytes(huffmanBytes)} of weights with Huffman codes` : null,
    ]
      .filter(Boolean)
      .join("; ");
  return table(
    ["method", "weight bits", "activation bits", "accuracy", "points", "file", "ms an image", "remark"],
    rows.map((row) => [
      row.method,
      String(Number(row.weightBits.toFixed(2))),
      String(row.activationBits),
      accuracy(row.accuracy),
      row.method === "float32" ? "" : points(row.delta),
      bytes(row.bytes),
      row.msPerImage.toFixed(3),
      remark(row),
    ]),
  );
}

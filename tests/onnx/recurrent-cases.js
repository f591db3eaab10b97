// recurrent-cases.js: models of one step of LSTM, GRU and RNN, with the states cut out of the input.
import { floats, ints } from "./build.js";

const GATES = { LSTM: 4, GRU: 3, RNN: 1 };
const [FEATURES, SIZE] = [5, 3];

/** The operator's outputs that others read behind it; without them the file is none that onnxruntime loads. */
const OUTPUTS = { LSTM: "y h c", GRU: "y h", RNN: "y h" };

/**
 * A model whose input holds the frame, and for each direction the state and that of the cell.
 * @param given which of bias, lengths, state, cell and peepholes there are
 */
function model(op, attributes, given = [], features = FEATURES) {
  const directions = attributes.direction === "bidirectional" ? 2 : 1;
  const rows = GATES[op] * SIZE;
  const has = (part, name) => (given.includes(part) ? name : "_");
  const width = features + 2 * directions * SIZE;
  const inputs = ["f", "w", "r", has("bias", "b"), has("lengths", "n"), has("state", "s"), has("cell", "d")];
  const cut = (from, to, name) => ["Slice", `x from${from} to${to} axis`, name];
  const bounds = { 0: 0, [features]: features, [width - directions * SIZE]: width - directions * SIZE, [width]: width };
  const [states, cells] = [width - 2 * directions * SIZE, width - directions * SIZE];
  return {
    x: [1, 1, width],
    nodes: [
      cut(0, features, "f"),
      ...(given.includes("state") ? [cut(states, cells, "s0"), ["Reshape", "s0 shape", "s"]] : []),
      ...(given.includes("cell") ? [cut(cells, width, "d0"), ["Reshape", "d0 shape", "d"]] : []),
      [
        op,
        [...inputs, has("peepholes", "p")].join(" ").replace(/( _)+$/, ""),
        OUTPUTS[op],
        { hidden_size: SIZE, ...attributes },
      ],
    ],
    constants: {
      ...Object.fromEntries(Object.values(bounds).flatMap((at) => [`from${at}`, `to${at}`].map((k) => [k, ints(at)]))),
      axis: ints(2),
      shape: ints(directions, 1, SIZE),
      w: floats([directions, rows, features]),
      r: floats([directions, rows, SIZE]),
      b: floats([directions, 2 * rows]),
      n: { ...ints(1), dataType: 6, int64Data: [], int32Data: [1] },
      p: floats([directions, 3 * SIZE]),
    },
    outputs: OUTPUTS[op].split(" "),
  };
}

/** By name, as GRAPHS of graph-cases.js. */
export const RECURRENT = {
  "LSTM of one step": model("LSTM", {}, ["bias", "lengths", "state", "cell"]),
  "LSTM without states": model("LSTM", {}, ["bias"]),
  "LSTM without bias": model("LSTM", { activations: ["sigmoid", "tanh", "Tanh"] }, ["state", "cell"]),
  "LSTM with peepholes": model("LSTM", { direction: "reverse" }, ["bias", "state", "cell", "peepholes"]),
  "LSTM in both directions": model("LSTM", { direction: "bidirectional" }, ["bias", "state", "cell", "peepholes"]),
  "LSTM with other functions": model("LSTM", { activations: ["HardSigmoid", "Softsign", "Relu"] }, [
    "bias",
    "state",
    "cell",
  ]),
  "LSTM of one feature": model("LSTM", {}, ["bias", "state", "cell"], 1),
  "GRU of one step": model("GRU", {}, ["bias", "state"]),
  "GRU, reset behind the product": model("GRU", { linear_before_reset: 1 }, ["bias", "lengths", "state"]),
  "GRU without a state": model("GRU", {}, ["bias"]),
  "GRU without a state, reset behind the product": model("GRU", { linear_before_reset: 1 }, ["bias"]),
  "GRU without bias in both directions": model("GRU", { direction: "bidirectional", linear_before_reset: 1 }, [
    "state",
  ]),
  "RNN of one step": model("RNN", {}, ["bias", "state"]),
  "RNN in both directions": model("RNN", { direction: "bidirectional", activations: ["Relu", "Tanh"] }, [
    "bias",
    "state",
  ]),
};

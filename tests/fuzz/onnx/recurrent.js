// recurrent.js: generators of the operators with a state: one step, in any direction, with what is optional or without.
import { elements } from "../project.js";

/** Most values that come in: the weights are as many times the gates and the size. */
const FEATURES_MOST = 40;

/** @param states how many the cell has */
const recurrent =
  (op, gates, states = 1) =>
  (draw, b) => {
    const x = b.source(draw, (dims) => elements(dims) <= FEATURES_MOST);
    if (!x) return;
    const features = elements(b.dimsOf(x));
    const line = b.node("Reshape", [x, b.ints(1, 1, features)]);
    if (!line) return;
    const direction = draw.pick(["forward", "bidirectional", "reverse"]);
    const directions = direction === "bidirectional" ? 2 : 1;
    const size = draw.pick([1, 3, 4]);
    const weights = [features, size].map((depth) => b.floats(draw, [directions, gates * size, depth]));
    const bias = draw.chance(0.5) ? b.floats(draw, [directions, 2 * gates * size]) : "";
    const before = Array.from({ length: states }, () =>
      draw.chance(0.5) ? b.floats(draw, [directions, 1, size]) : "",
    );
    b.node(op, [line[0], ...weights, bias, "", ...before], { hidden_size: size, direction }, 1 + states);
  };

export const RECURRENT = { RNN: recurrent("RNN", 1), GRU: recurrent("GRU", 3), LSTM: recurrent("LSTM", 4, 2) };

// recurrent.ts: LSTM, GRU and RNN of one step, as networks have them that run once a frame: written out as products and functions.
import { isActivation } from "../draft.js";
import { toValue, type Value } from "../tensor.js";
import { range, transposed } from "./arrays.js";
import { type Bare, type Call, expectNode, optional, required, unsupported } from "./call.js";
import { composite, type Operators } from "./operator.js";
import { choice, flag, int, type Specs, texts, type ValuesOf } from "./spec.js";
import { cut, listed, type Written, written } from "./written.js";

/** Functions that a cell may name, which are operators with the same defaults. */
const FUNCTIONS = ["Relu", "Tanh", "Sigmoid", "HardSigmoid", "LeakyRelu", "Elu", "Softsign", "Softplus"];

const SHARED = {
  activations: texts(),
  direction: choice("forward", "reverse", "bidirectional"),
  hidden_size: int(0),
  layout: int(0, { legal: [0, 1] }),
};

/** Weights of gates, one behind the other: of what comes in, and of the state of before. */
interface Side {
  /** (features, gates x size) */
  readonly weight: Value;
  /** (gates x size), or null */
  readonly bias: Value | null;
}

/** One direction of a layer at its only step; values are (1, batch, features). */
interface Moment {
  readonly w: Written;
  readonly size: number;
  readonly x: string;
  /** The state of before; null where it is zero. */
  readonly h: string | null;
  readonly input: Side;
  readonly state: Side;
  /** The function that has this place among those of the direction, of a value. */
  apply(place: number, value: string): string;
}

/** A cell: the number of its gates, its functions where none are named, and its step from one state to the next. */
interface Cell<S extends Specs> {
  readonly gates: number;
  readonly functions: readonly string[];
  readonly attributes: S;
  /** @param at the direction @returns the next state, and that of the cell where it has one */
  step(moment: Moment, at: number, call: Call<ValuesOf<S>>): readonly string[];
}

/** Product and bias of some gates. @param from the first of them */
function product(moment: Moment, x: string, { weight, bias }: Side, from: number, count: number): string {
  const { w, size } = moment;
  const [features, all] = weight.dims;
  const [start, length] = [from * size, count * size];
  const part = range(features).flatMap((row) => [
    ...weight.data.subarray(row * all + start, row * all + start + length),
  ]);
  const made = w.node("MatMul", [x, w.constant(toValue("float32", [features, length], part))]);
  return bias ? w.node("Add", [made, biasOf(moment, bias, from, count)]) : made;
}

/** Sums that some gates get: of what comes in, and of the state. */
function sums(moment: Moment, from: number, count: number): string {
  const { w, x, h, input, state } = moment;
  const made = product(moment, x, input, from, count);
  if (h !== null) return w.node("Add", [made, product(moment, h, state, from, count)]);
  return state.bias ? w.node("Add", [made, biasOf(moment, state.bias, from, count)]) : made;
}

function biasOf({ w, size }: Moment, { data }: Value, from: number, count: number): string {
  return w.constant(toValue("float32", [count * size], [...data.subarray(from * size, (from + count) * size)]));
}

/** Takes what some gates get apart, gate by gate. */
const gateByGate = ({ w, size }: Moment, x: string, count: number): string[] =>
  cut(w, x, new Array(count).fill(size), 2);

const lstm: Cell<Specs> = {
  gates: 4,
  functions: ["Sigmoid", "Tanh", "Tanh"],
  attributes: { input_forget: int(0, { legal: [0] }) },
  step(moment, at, call) {
    const { w, size } = moment;
    const before = stateOf(call, w, 6, at, size);
    const peepholes = optional(call, 7);
    const seen = (sum: string, cell: string | null, gate: number): string => {
      if (!peepholes || cell === null) return sum;
      const own = peepholes.data.subarray((3 * at + gate) * size, (3 * at + gate + 1) * size);
      return w.node("Add", [sum, w.node("Mul", [cell, w.constant(toValue("float32", [size], [...own]))])]);
    };
    const [input, output, forget, change] = gateByGate(moment, sums(moment, 0, 4), 4);
    const taken = w.node("Mul", [moment.apply(0, seen(input, before, 0)), moment.apply(1, change)]);
    const kept = before && w.node("Mul", [moment.apply(0, seen(forget, before, 2)), before]);
    const cell = kept ? w.node("Add", [kept, taken]) : taken;
    return [w.node("Mul", [moment.apply(0, seen(output, cell, 1)), moment.apply(2, cell)]), cell];
  },
};

const GRU_ATTRIBUTES = { linear_before_reset: flag(false) };
const gru: Cell<typeof GRU_ATTRIBUTES> = {
  gates: 3,
  functions: ["Sigmoid", "Tanh"],
  attributes: GRU_ATTRIBUTES,
  step(moment, _, { attributes }) {
    const { w, x, h, input, state } = moment;
    const [update, reset] = gateByGate(moment, sums(moment, 0, 2), 2).map((sum) => moment.apply(0, sum));
    const own = product(moment, x, input, 2, 1);
    const after = attributes.linear_before_reset;
    const addend = state.bias && biasOf(moment, state.bias, 2, 1);
    const past =
      h === null
        ? addend && (after ? w.node("Mul", [reset, addend]) : addend)
        : after
          ? w.node("Mul", [reset, product(moment, h, state, 2, 1)])
          : product(moment, w.node("Mul", [reset, h]), state, 2, 1);
    const next = moment.apply(1, past ? w.node("Add", [own, past]) : own);
    // (1 - update) next + update h
    const difference = h === null ? w.node("Neg", [next]) : w.node("Sub", [h, next]);
    return [w.node("Add", [next, w.node("Mul", [update, difference])])];
  },
};

const rnn: Cell<Specs> = {
  gates: 1,
  functions: ["Tanh"],
  attributes: {},
  step: (moment) => [moment.apply(0, sums(moment, 0, 1))],
};

/** The state of one direction as (1, batch, features); null where none is given. */
function stateOf(call: Bare, w: Written, index: number, at: number, size: number): string | null {
  if (!w.has(index)) return null;
  const axis = call.node.attributes.get("layout")?.value === 1 ? 1 : 0;
  const one = w.node("Slice", [w.input(index), listed(w, at), listed(w, at + 1), listed(w, axis)]);
  return w.node("Reshape", [one, listed(w, 1, -1, size)]);
}

/** The weights of one direction, turned, with their half of the biases. */
function sideOf(call: Bare, index: 1 | 2, at: number, rows: number): Side {
  const weights = required(call, index);
  const [, , features] = weights.dims;
  const data = [...weights.data.subarray(at * rows * features, (at + 1) * rows * features)];
  const bias = optional(call, 3);
  const start = (2 * at + index - 1) * rows;
  return {
    weight: transposed(call, toValue("float32", [rows, features], data), [1, 0]),
    bias: bias && toValue("float32", [rows], [...bias.data.subarray(start, start + rows)]),
  };
}

function expectShape(call: Bare, index: number, dims: readonly number[]): void {
  const found = call.operands[index]?.dims;
  if (!found) return;
  expectNode(String(found) === String(dims), call.node, `shape ${dims.join("x")}`, found.join("x"), `input[${index}]`);
}

/** A layer of cells. A sequence of one step is no recurrence; a longer one is refused. */
function layer<S extends Specs>(cell: Cell<S>) {
  return composite({ ...SHARED, ...cell.attributes }, (given) => {
    // the values of a cell's own attributes are among those of all
    const call = given as unknown as Call<ValuesOf<typeof SHARED> & ValuesOf<S>>;
    const { node, operands, attributes } = call;
    const { activations, direction, layout } = attributes;
    const w = written(call);
    const x = operands[0] ?? null;
    expectNode(x?.dims.length === 3, node, "an input of 3 dimensions", x?.dims, "input[0]");
    const [steps, batch] = layout === 1 ? [x.dims[1], x.dims[0]] : x.dims;
    if (steps !== 1) {
      throw unsupported(
        node,
        `recurrence over ${steps} steps is not run, but one step is: export the network for one, with its state as input and output, take outputs before it, or train a convolution over time instead`,
      );
    }
    const lengths = operands[4] ?? null;
    if (isActivation(lengths)) throw unsupported(node, "lengths of sequences that depend on the model's input");
    expectNode(lengths?.data.every((n) => n === 1) ?? true, node, "lengths of 1", lengths?.data, "input[4]");
    const size = required(call, 2).dims.at(-1) ?? 0;
    const directions = direction === "bidirectional" ? 2 : 1;
    const rows = cell.gates * size;
    expectShape(call, 1, [directions, rows, x.dims[2]]);
    expectShape(call, 2, [directions, rows, size]);
    expectShape(call, 3, [directions, 2 * rows]);
    for (const index of [5, 6]) {
      expectShape(call, index, layout === 1 ? [batch, directions, size] : [directions, batch, size]);
    }
    expectShape(call, 7, [directions, 3 * size]);
    const count = cell.functions.length;
    const names = activations ?? range(directions).flatMap(() => cell.functions);
    const functions = names.map((name) => FUNCTIONS.find((one) => one.toLowerCase() === name.toLowerCase()));
    const fits = functions.length === directions * count && functions.every((one) => one !== undefined);
    if (!fits) throw unsupported(node, `attribute activations = ${names.join(", ")}`);
    const frame = w.node("Reshape", [w.input(0), listed(w, 1, batch, x.dims[2])]);
    const states = range(directions).map((at) =>
      cell.step(
        {
          w,
          size,
          x: frame,
          h: stateOf(call, w, 5, at, size),
          input: sideOf(call, 1, at, rows),
          state: sideOf(call, 2, at, rows),
          apply: (place, value) => w.node(functions[at * count + place]!, [value]),
        },
        at,
        call,
      ),
    );
    // (batch, directions, size) side by side; without a layout of the file's own the directions come first
    const joined = (index: number): string => {
      const apart = states.map((state) => w.node("Reshape", [state[index], listed(w, batch, 1, size)]));
      const all = directions === 1 ? apart[0] : w.node("Concat", apart, { axis: 1 });
      return layout === 1 ? all : w.node("Transpose", [all], { perm: { type: "ints", value: [1, 0, 2] } });
    };
    const dims = layout === 1 ? [batch, 1, directions, size] : [1, directions, batch, size];
    const [all, last, cells] = node.outputs;
    const hidden = joined(0);
    if (all) w.node("Reshape", [hidden, listed(w, ...dims)], {}, all);
    if (last) w.node("Identity", [hidden], {}, last);
    if (cells && states[0].length > 1) w.node("Identity", [joined(1)], {}, cells);
    return w;
  });
}

export const RECURRENT: Operators = { GRU: layer(gru), LSTM: layer(lstm), RNN: layer(rnn) };

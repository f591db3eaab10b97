// einsum.ts: sums of products over named axes, two operands at a time as products of stacks of matrices.
import { elements } from "../../ops/index.js";
import { isActivation, type Known } from "../draft.js";
import type { OnnxNode } from "../model.js";
import { toValue } from "../tensor.js";
import { range, transposed, walk } from "./arrays.js";
import { combined, firstImage } from "./binary.js";
import {
  allOperands,
  type Conversion,
  checkWork,
  expectNode,
  make,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { reordered } from "./order.js";
import { multiplied } from "./products.js";
import { along, reduced } from "./reduce.js";
import { text } from "./spec.js";

/** An equation: a label for every axis of each operand and of the result, and how long the axes are. */
interface Equation {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
}

/** Reads an equation; the axes of an ellipsis are labelled "1", "2" and so on from the last. */
function equationOf(node: OnnxNode, given: string, dims: readonly (readonly number[])[]): Equation {
  const [left, right, ...more] = given.replace(/\s/g, "").split("->");
  const terms = left.split(",");
  const letters = /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/;
  const valid = more.length === 0 && [...terms, right ?? ""].every((term) => letters.test(term));
  expectNode(valid && terms.length === dims.length, node, `letters for ${dims.length} inputs`, given, "equation");
  let open = 0;
  const labelled = (term: string, axes: number): string[] => {
    const [before, behind = null] = term.split("...");
    const dots = behind === null ? [] : range(axes).map((i) => `${axes - i}`);
    return [...before, ...dots, ...(behind ?? "")];
  };
  const inputs = terms.map((term, i) => {
    const axes = dims[i].length - term.replace("...", "").length;
    expectNode(term.includes("...") ? axes >= 0 : axes === 0, node, `${dims[i].length} axes`, term, "equation");
    open = Math.max(open, axes);
    return labelled(term, axes);
  });
  const sizes = new Map<string, number>();
  for (const [i, labels] of inputs.entries()) {
    for (const [axis, label] of labels.entries()) {
      const [known = 1, size] = [sizes.get(label), dims[i][axis]];
      expectNode(known === size || known === 1 || size === 1, node, `${known} for ${label}`, size, `input[${i}]`);
      sizes.set(label, Math.max(known, size));
    }
  }
  // without a result the labels that stand once, in their order, behind the ellipsis
  const all = inputs.flat();
  const once = [...new Set(all)].filter(
    (label) => /[A-Za-z]/.test(label) && all.indexOf(label) === all.lastIndexOf(label),
  );
  const output = right === undefined ? [...labelled("...", open), ...once.sort()] : labelled(right, open);
  const known = new Set(output).size === output.length && output.every((label) => sizes.has(label));
  expectNode(known, node, "labels of the inputs, each once", right, "equation");
  return { inputs, output, sizes };
}

/** An operand with a label for each of its axes. */
interface Labelled {
  readonly value: Known;
  readonly labels: readonly string[];
}

const sizesOf = (labels: readonly string[], sizes: Equation["sizes"]): number[] =>
  labels.map((label) => sizes.get(label)!);

/** The operand without axes of length 1 that are longer in others, and summed along the axes that nothing else has. */
function summed(
  conversion: Conversion,
  { value, labels }: Labelled,
  { sizes }: Equation,
  wanted: ReadonlySet<string>,
): Labelled {
  if (new Set(labels).size < labels.length) throw unsupported(conversion.node, `diagonals: ${labels.join("")}`);
  const stay = labels.filter((label, axis) => value.dims[axis] === sizes.get(label));
  const dims = sizesOf(stay, sizes);
  const kept = { ...value, dims } as Known;
  const gone = range(stay.length).filter((axis) => !wanted.has(stay[axis]));
  if (gone.length === 0) return { value: kept, labels: stay };
  const left = stay.filter((_, axis) => !gone.includes(axis));
  const { node } = conversion;
  if (!isActivation(kept)) {
    const order = [...range(stay.length).filter((axis) => !gone.includes(axis)), ...gone];
    const lines = transposed(conversion, kept, order);
    const total = make(conversion, kept.type, sizesOf(left, sizes));
    const length = lines.data.length / total.data.length;
    for (let i = 0; i < lines.data.length; i++) total.data[Math.floor(i / length)] += lines.data[i];
    return { value: total, labels: left };
  }
  const name = `${node.outputs[0]}.sum`;
  const mean = reduced(conversion, "mean", kept, along(dims, gone), name);
  const count = toValue("float32", [], [elements(gone.map((axis) => dims[axis]))]);
  const sum = combined(conversion, "mul", mean, count, name);
  return { value: { ...sum, dims: sizesOf(left, sizes) }, labels: left };
}

/** Sums of products of two operands over the axes that both have and nothing else wants. */
function contracted(
  conversion: Conversion,
  a: Labelled,
  b: Labelled,
  equation: Equation,
  wanted: ReadonlySet<string>,
  name: string,
): Labelled {
  const { sizes } = equation;
  const left = summed(conversion, a, equation, new Set([...wanted, ...b.labels]));
  const right = summed(conversion, b, equation, new Set([...wanted, ...left.labels]));
  const both = left.labels.filter((label) => right.labels.includes(label));
  const depth = both.filter((label) => !wanted.has(label));
  const batch = both.filter((label) => wanted.has(label));
  const rows = left.labels.filter((label) => !both.includes(label));
  const columns = right.labels.filter((label) => !both.includes(label));
  const count = (labels: readonly string[]): number => elements(sizesOf(labels, sizes));
  const inOrder = ({ value, labels }: Labelled, to: readonly string[], side: string): Known => {
    const order = to.map((label) => labels.indexOf(label));
    return reordered(conversion, value, { dims: value.dims, order, result: sizesOf(to, sizes) }, `${name}.${side}`);
  };
  const labels = [...batch, ...rows, ...columns];
  const dims = sizesOf(labels, sizes);
  const [x, y] = [
    inOrder(left, [...batch, ...rows, ...depth], "left"),
    inOrder(right, [...batch, ...depth, ...columns], "right"),
  ];
  const shapes = [
    [count(batch), count(rows), count(depth)],
    [count(batch), count(depth), count(columns)],
  ] as const;
  if (depth.length === 0) {
    // nothing to add up: each value of one times each of the other
    const spread = sizesOf(batch, sizes);
    const one = { ...x, dims: [...spread, ...sizesOf(rows, sizes), ...columns.map(() => 1)] } as Known;
    const other = { ...y, dims: [...spread, ...rows.map(() => 1), ...sizesOf(columns, sizes)] } as Known;
    return { value: combined(conversion, "mul", one, other, name), labels };
  }
  const stacks = [
    { value: x, shape: shapes[0] },
    { value: y, shape: shapes[1] },
  ] as const;
  return { value: multiplied(conversion, ...stacks, { dims, name }), labels };
}

const einsum = operator(
  { equation: text("") },
  {
    evaluate(call) {
      const values = call.operands.map((_, i) => required(call, i));
      expectNode(values.length > 0, call.node, "at least one input", "none");
      const { inputs, output, sizes } = equationOf(
        call.node,
        call.attributes.equation,
        values.map(({ dims }) => dims),
      );
      const inside = [...sizes.keys()].filter((label) => !output.includes(label));
      const axes = [...output, ...inside];
      const all = sizesOf(axes, sizes);
      const y = make(call, values[0].type, sizesOf(output, sizes));
      checkWork(call, elements(all) * values.length);
      const products = make(call, "float64", all);
      products.data.fill(1);
      for (const [i, { dims, data }] of values.entries()) {
        const strides = axes.map((label) =>
          inputs[i].reduce((sum, own, axis) => {
            const step = elements(dims.slice(axis + 1));
            return own === label && dims[axis] > 1 ? sum + step : sum;
          }, 0),
        );
        walk(all, strides, (at, from) => {
          products.data[at] *= data[from];
        });
      }
      const length = elements(sizesOf(inside, sizes));
      const sums = new Float64Array(y.data.length);
      for (let i = 0; i < products.data.length; i++) sums[Math.floor(i / length)] += products.data[i];
      y.data.set(sums);
      return [y];
    },
    convert(conversion) {
      const operands = allOperands(conversion).map((operand) => firstImage(conversion, operand));
      const equation = equationOf(
        conversion.node,
        conversion.attributes.equation,
        operands.map(({ dims }) => dims),
      );
      const { inputs, output, sizes } = equation;
      const name = resultName(conversion);
      // activations first, so that no two constants meet
      const terms = operands
        .map((value, i): Labelled => ({ value, labels: inputs[i] }))
        .sort((a, b) => Number(isActivation(b.value)) - Number(isActivation(a.value)));
      const [first, ...others] = terms;
      let made = first;
      for (const [i, next] of others.entries()) {
        const wanted = new Set([...output, ...others.slice(i + 1).flatMap(({ labels }) => labels)]);
        made = contracted(conversion, made, next, equation, wanted, `${name}.part${i}`);
      }
      const { value, labels } = summed(conversion, made, equation, new Set(output));
      const order = output.map((label) => labels.indexOf(label));
      return [reordered(conversion, value, { dims: value.dims, order, result: sizesOf(output, sizes) })];
    },
  },
);

export const EINSUM: Operators = { Einsum: einsum };

// lookup.ts: rows of a constant table by numbers that depend on the model's input: token embeddings.
import { elements } from "../../ops/index.js";
import { type Activation, isActivation, type Known } from "../draft.js";
import { isFloatType, toValue, type Value } from "../tensor.js";
import { range, transposed } from "./arrays.js";
import { combined } from "./binary.js";
import { axisOf, type BareConversion, type Conversion, resultName } from "./call.js";
import { byConstantIndices } from "./indices.js";
import type { Operators } from "./operator.js";
import { gather } from "./pick.js";
import { timesMatrix } from "./products.js";
import { inSteps, stepped } from "./steps.js";

/** The most comparisons of numbers with places of the table. */
const COMPARED_MOST = 2 ** 22;

/** Gather of rows of a constant table by numbers that depend on the input; null for any other. */
function ofRows(conversion: BareConversion): readonly Known[] | null {
  const { node, operands } = conversion;
  const [table, indices] = operands;
  if (!table || isActivation(table) || !isActivation(indices) || !indices.type || indices.quantization) return null;
  const axis = axisOf(node, Number(node.attributes.get("axis")?.value ?? 0), table.dims.length);
  const isSmall = table.dims[0] * elements(indices.dims) <= COMPARED_MOST;
  if (axis !== 0 || !isFloatType(table.type) || !isSmall) return null;
  return [lookedUp({ ...conversion, attributes: undefined }, table, indices)];
}

/**
 * The rows of the table whose numbers these are, negative ones counted from behind: a row of 0 and one 1 for each number, times the
 * table, which is a dense layer of every token. A number beyond the table gets zeros.
 */
function lookedUp(conversion: Conversion, table: Value, { node, dims }: Activation): Activation {
  const name = resultName(conversion);
  const [rows] = table.dims;
  const count = elements(dims);
  const forward = inSteps(
    ["constant", [], 0],
    ["less", [0, 1]],
    ["constant", [], rows],
    ["mul", [2, 3]],
    ["add", [0, 4]],
  );
  const places = stepped(conversion, { node, dims: [1, count, 1] }, forward, `${name}.places`);
  const hot = combined(conversion, "equal", places, toValue("float32", [1, 1, rows], range(rows)), `${name}.chosen`);
  const columns = elements(table.dims.slice(1));
  const matrix = transposed(conversion, { ...table, dims: [rows, columns] }, [1, 0]);
  const result = { dims: [...dims, ...table.dims.slice(1)], name };
  return timesMatrix(conversion, { node: hot.node, dims: [count, rows] }, matrix, null, result);
}

export const LOOKUPS: Operators = { Gather: byConstantIndices(gather, ofRows) };

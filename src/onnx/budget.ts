// budget.ts: what one import may make beyond the file's own numbers, so that a small file cannot cost much time or memory.
import { ShiftwiseError } from "../base/index.js";

/** Elements that any file may have made of it: folded constants, lists of indices, copies of weights. */
const BUDGET_LEAST = 2 ** 24;
/** Elements that may be made besides for each one that stands in the file: dequantized, transposed, copied, and so on. */
const PER_ELEMENT = 16;
/** Multiply-adds that cost about what making one element costs. */
const OPERATIONS = 8;

/** Counts down what is left; asked before anything is made. An index in a list counts as two elements. */
export class Budget {
  /** The node that makes things at present, for error messages. */
  where = "";
  readonly #whole: number;
  #left: number;

  /** @param elements as many as may be made in all */
  constructor(elements: number) {
    this.#whole = elements;
    this.#left = elements;
  }

  /** @throws OVERFLOW where less than `elements` is left */
  spend(elements: number): void {
    if (elements <= this.#left) this.#left -= elements;
    else {
      const message = "the file asks for more than its size justifies: fold its constants, or set `budget`";
      throw new ShiftwiseError("OVERFLOW", message, {
        where: this.where,
        expected: `at most ${this.#whole} elements made while importing`,
        found: `${elements} with ${this.#left} left`,
      });
    }
  }

  /** Spends a number of multiply-adds. */
  work(operations: number): void {
    this.spend(Math.ceil(operations / OPERATIONS));
  }
}

/** The budget of importing a model with so many elements in its constants, unless the caller says another. */
export function importBudget(fileElements: number, given?: number): Budget {
  if (given !== undefined && !(given >= 0)) {
    throw new ShiftwiseError("BAD_OPTION", "unexpected value", {
      where: "budget",
      expected: "a number >= 0",
      found: given,
    });
  }
  return new Budget(given ?? BUDGET_LEAST + PER_ELEMENT * fileElements);
}

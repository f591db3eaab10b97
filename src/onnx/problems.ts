// problems.ts: all that keeps a model from being imported, found in one go and said in one message.
import { type ErrorCode, ShiftwiseError } from "../base/index.js";
import { shown } from "./names.js";

/** Problems that a message lists, and values that it proposes. */
const LISTED_MAX = 100;
const PROPOSED_MAX = 8;

/** Collects what is wrong with a model. What a wrong node would have made is missing then, and no problem of its own. */
export class Problems {
  readonly #where: string;
  readonly #lines: string[] = [];
  readonly #proposed = new Set<string>();
  #code: ErrorCode = "UNSUPPORTED";
  #cause: ShiftwiseError | undefined;

  /** @param where file name */
  constructor(where: string) {
    this.#where = where;
  }

  /** One that was found before anything ran. */
  add(line: string): void {
    this.#lines.push(line);
  }

  /** Runs `convert`; undefined where it found a problem. @throws what is no finding about the file, and OVERFLOW */
  try<T>(convert: () => T): T | undefined {
    try {
      return convert();
    } catch (error) {
      if (!(error instanceof ShiftwiseError && (error.code === "UNSUPPORTED" || error.code === "BAD_GRAPH")))
        throw error;
      if (error.code === "BAD_GRAPH") this.#code = "BAD_GRAPH";
      this.#cause ??= error;
      const { message } = error;
      this.add(this.#where && message.startsWith(`${this.#where}: `) ? message.slice(this.#where.length + 2) : message);
      return undefined;
    }
  }

  /** A value that could be an output instead of what cannot be imported behind it. */
  propose(value: string): void {
    if (this.#proposed.size < PROPOSED_MAX) this.#proposed.add(shown(value));
  }

  /** @throws the error that was caught, where it is the only one; else UNSUPPORTED or BAD_GRAPH with a list of all */
  throwIfAny(): void {
    const { length } = this.#lines;
    if (length === 0) return;
    const proposes = this.#code === "UNSUPPORTED" && this.#proposed.size > 0;
    if (length === 1 && this.#cause && !proposes) throw this.#cause;
    const lines = this.#lines.slice(0, LISTED_MAX);
    if (length > LISTED_MAX) lines.push(`and ${length - LISTED_MAX} more`);
    if (proposes) lines.push(`what comes before can be imported, with outputs ${[...this.#proposed].join(", ")}`);
    const head = length === 1 ? "one problem keeps" : `${length} problems keep`;
    const list = lines.map((line) => `\n  ${line}`).join("");
    throw new ShiftwiseError(this.#code, `${head} the model from being imported:${list}`, {
      where: this.#where,
      cause: this.#cause,
    });
  }
}

// problems.ts: all that keeps a model from being imported, found in one go and said in one message.
import { type ErrorCode, ShiftwiseError } from "../base/index.js";
import { shown } from "./names.js";

/** Problems that a message lists, and values that it proposes. */
const LISTED_MAX = 100;
const PROPOSED_MAX = 8;

/** Nodes of one problem that a message names, where there are many. */
const NODES_NAMED = 2;

/** Something that is wrong, with one node or with many. */
interface Problem {
  /** The line about its first node. */
  readonly line: string;
  /** The part of the line that is about any of its nodes. */
  readonly rest: string;
  readonly nodes: string[];
}

/** Collects what is wrong with a model. What a wrong node would have made is missing then, and no problem of its own. */
export class Problems {
  readonly #where: string;
  readonly #problems = new Map<string, Problem>();
  readonly #proposed = new Set<string>();
  #code: ErrorCode = "UNSUPPORTED";
  #cause: ShiftwiseError | undefined;

  /** @param where file name */
  constructor(where: string) {
    this.#where = where;
  }

  /** One that was found before anything ran. @param node the name of the node that it is about */
  add(line: string, node: string): void {
    const head = `node ${shown(node)}`;
    const rest = line.startsWith(head) ? line.slice(head.length) : null;
    // a line with other places in it is of its own
    const key = rest ?? `${head}${line}`;
    const known = this.#problems.get(key);
    if (known) known.nodes.push(shown(node));
    else this.#problems.set(key, { line, rest: rest ?? "", nodes: [shown(node)] });
  }

  /** Runs `convert` for a node; undefined where it found a problem. @throws what is no finding about the file, and OVERFLOW */
  try<T>(node: string, convert: () => T): T | undefined {
    try {
      return convert();
    } catch (error) {
      if (!(error instanceof ShiftwiseError && (error.code === "UNSUPPORTED" || error.code === "BAD_GRAPH")))
        throw error;
      if (error.code === "BAD_GRAPH") this.#code = "BAD_GRAPH";
      this.#cause ??= error;
      const { message } = error;
      const file = `${this.#where}: `;
      this.add(this.#where && message.startsWith(file) ? message.slice(file.length) : message, node);
      return undefined;
    }
  }

  /** A value that could be an output instead of what cannot be imported behind it. */
  propose(value: string): void {
    if (this.#proposed.size < PROPOSED_MAX) this.#proposed.add(shown(value));
  }

  /** @throws the error that was caught, where it is the only one; else UNSUPPORTED or BAD_GRAPH with a list of all */
  throwIfAny(): void {
    const problems = [...this.#problems.values()];
    const { length } = problems;
    if (length === 0) return;
    const proposes = this.#code === "UNSUPPORTED" && this.#proposed.size > 0;
    if (length === 1 && problems[0].nodes.length === 1 && this.#cause && !proposes) throw this.#cause;
    const lines = problems.slice(0, LISTED_MAX).map(({ line, rest, nodes }) => {
      if (nodes.length === 1) return line;
      const more = nodes.length > NODES_NAMED ? [`${nodes.length - NODES_NAMED} more`] : [];
      return `${nodes.length} nodes (${[...nodes.slice(0, NODES_NAMED), ...more].join(", ")})${rest}`;
    });
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

// target.js: calls with wrong values: every one is refused with a code or taken, and none leaves what it used broken.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { typed } from "../case.js";
import { mutateTree } from "../mutate.js";
import { drawFrom, tape } from "../tape.js";
import { ENTRIES, prepareEntries, reviveRemote } from "./entries.js";
import { WRONG, WRONG_NAMES } from "./wrong.js";

const isPlain = (value) => Array.isArray(value) || Object.getPrototypeOf(Object(value)) === Object.prototype;

/** Places of an argument's inside that a caller writes. */
function insidesOf(value, depth = 0) {
  if (typeof value !== "object" || value === null || !isPlain(value) || depth > 4) return [];
  // what the package hands out is frozen
  const own = Object.isFrozen(value) ? [] : Object.keys(value).map((key) => [value, key]);
  return [...own, ...Object.values(value).flatMap((inside) => insidesOf(inside, depth + 1))];
}

/** Whether a tree can be walked and copied in parts: a cycle or a promise that an earlier change has put into it cannot. */
function isData(value) {
  try {
    JSON.stringify(value);
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/** The arguments of a case. */
function makeArguments({ entry, changes }) {
  const args = ENTRIES[entry].args();
  for (const { where, wrong } of changes) {
    const draw = drawFrom(where);
    const kind = draw.pick(["argument", "inside", "tree", "missing"]);
    const index = draw.below(args.length || 1);
    const insides = insidesOf(args[index]);
    if (kind === "missing") args.length = index;
    else if (kind === "tree" && insides.length > 0 && isData(args[index])) mutateTree(draw, args[index]);
    else if (kind === "inside" && insides.length > 0) {
      const [holder, key] = draw.pick(insides);
      holder[key] = WRONG[wrong]();
    } else args[index] = WRONG[wrong]();
  }
  return args;
}

export const calls = {
  name: "calls",
  share: 1,
  cases: fc.record({
    entry: fc.constantFrom(...Object.keys(ENTRIES)),
    changes: fc.array(fc.record({ where: tape(12), wrong: fc.constantFrom(...WRONG_NAMES) }), { maxLength: 2 }),
  }),
  memory: 256 * 2 ** 20,
  async prepare() {
    const folder = mkdtempSync(join(tmpdir(), "shiftwise-fuzz-"));
    process.on("exit", () => rmSync(folder, { recursive: true }));
    await prepareEntries(folder);
  },
  async run(description) {
    const { call, remote } = ENTRIES[description.entry];
    const { code } = await typed(() => call(...makeArguments(description)));
    // a run that is stopped after a moment may be on a slow machine
    if (description.changes.length === 0 && code && code !== "ABORTED")
      throw new Error(`refused what is right: ${code}`);
    if (remote) await reviveRemote();
    return code ?? "taken";
  },
};

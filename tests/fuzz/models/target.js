// target.js: random valid models: the same bits in every executor, and the same model behind its file.
import { inspect } from "node:util";
import { encodeModel } from "../project.js";
import { assertAgreement, assertRoundTrip } from "./agree.js";
import { MODEL, makeModel } from "./generate.js";

export const models = {
  name: "models",
  share: 4,
  cases: MODEL,
  /** A case's tensors and products are a few hundred kilobytes. */
  memory: 256 * 2 ** 20,
  async run(description) {
    const { def, runs, threads } = makeModel(description);
    const read = assertRoundTrip(def);
    const others = [{ def: read, threads: 1 }];
    if (threads > 1) others.push({ def: read, threads });
    await assertAgreement(def, runs, others);
    return threads > 1 ? "also on two threads" : "on one thread";
  },
  show: (description) => inspect(makeModel(description).def, { depth: 6, maxArrayLength: 12, breakLength: 200 }),
  artifact: (description) => ({ extension: "safetensors", bytes: encodeModel(makeModel(description).def) }),
};

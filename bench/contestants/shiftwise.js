// shiftwise.js: this project's runtime, with power-of-two weights or in float32.
import { lower } from "../../dist/graph/index.js";
import { Model } from "../../dist/runtime/index.js";
import { checkEqual, checkFloat } from "../check.js";
import { variants } from "../tasks.js";
import { repeatSync } from "../timing.js";

/** One contestant a variant of quantization: its integer sums and its output must agree with the plain ones bit for bit. */
export const shiftContestants = Object.keys(variants).map((variant) => ({
  id: variant,
  title: variant.replace("_pruned90", " 90 % pruned"),
  prepare: async (task) => {
    const { def, expected, zeros } = task.shifted(variant);
    const entry = await prepare(task, def);
    return { ...entry, zeros, check: (values) => checkEqual(values, expected) };
  },
}));

/** w5a8 on two threads; checked the same way. */
export const twoThreads = {
  id: "w5a8_two_threads",
  title: "w5a8, two threads",
  prepare: async (task) => {
    const { def, expected } = task.shifted("w5a8");
    const entry = await prepare(task, def, 2);
    return { ...entry, check: (values) => checkEqual(values, expected) };
  },
};

export const floatContestant = {
  id: "own_float32",
  title: "own float32",
  prepare: async (task) => {
    const entry = await prepare(task, lower(task.network, { grids: null }));
    return { ...entry, check: (values) => checkFloat(values, task.expected) };
  },
};

/**
 * A network is timed from float32 input to float32 output. Of a layer count the steps that it has inside a network:
 * not the encoding of the model's input and the decoding of its output.
 */
async function prepare(task, def, threads = 1) {
  const model = await Model.from(def, { threads });
  if (model.threads !== threads) throw new Error(`${model.threads} threads, not ${threads}`);
  const { input } = task;
  const inside = (step) => step.op !== "input" && !step.name.endsWith(".float32");
  return {
    output: () => Object.values(model.runSync(input))[0],
    time: (count) => {
      if (task.kind === "network") return repeatSync(count, () => model.runSync(input));
      let total = 0;
      for (let i = 0; i < count; i++) {
        for (const step of model.profile(input)) if (inside(step)) total += step.milliseconds;
      }
      return total / count;
    },
    dispose: () => model.dispose(),
  };
}

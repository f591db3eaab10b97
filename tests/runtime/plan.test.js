// plan.test.js: what a tensor is called has no bearing on where the plan's own buffers lie.
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { conv, FLOAT32, linear } from "../models/layers.js";
import { inputsFor, randomCodes, randomEpilogue } from "../models/random.js";
import { assertAgree } from "./agree.js";

/** Three inputs, all encoded, all read by stride 2, and what is made of them, under the names given. */
function threeInputs(names) {
  const random = createRandom(3);
  const at = (encoding) => ({ shape: [2, 9, 10], encoding });
  const halved = (encoding) => ({ shape: [2, 5, 5], encoding });
  const tensors = {};
  const layers = names.map((name, i) => {
    tensors[name] = at(linear(255, i));
    tensors[`y${i}`] = halved(i === 1 ? FLOAT32 : linear());
    return conv({
      name,
      input: name,
      output: `y${i}`,
      kernel: [3, 3],
      stride: [2, 2],
      padding: [1, 1, 1, 1],
      weights: { kind: "codes", bits: 4, n1: 0, codes: randomCodes(random, 36, 4) },
      epilogue: randomEpilogue(random, 2, 18),
    });
  });
  return {
    name: "names",
    inputs: names.map((name) => ({ name, tensor: name })),
    outputs: names.map((_, i) => ({ name: `y${i}`, tensor: `y${i}` })),
    tensors,
    layers,
  };
}

test("tensors named as an engine might name its buffers agree", async () => {
  const names = [
    ["x", "x (phases)", "x (float)"],
    ["x (float)", "x (phases)", "x"],
    ["x", "staging", "phases"],
    ["raw", "x raw", "raw x"],
    ["constructor", "toString", "hasOwnProperty"],
  ];
  for (const three of names) {
    const def = threeInputs(three);
    await assertAgree(def, inputsFor(def), three.join());
  }
});

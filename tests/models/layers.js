// layers.js: encodings, layers and models of one layer that the tests write down: what is not given is ordinary.

export const FLOAT32 = { kind: "float32" };
export const linear = (max = 255, zero = 0, scale = 0.05) => ({ kind: "linear", scale: Math.fround(scale), zero, max });

/** A convolution of "x" to "y": single pixels at stride 1 without padding, in one group. Weights and epilogue are to be given. */
export const conv = (fields) => ({
  op: "conv",
  name: "conv",
  input: "x",
  output: "y",
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  padding: [0, 0, 0, 0],
  groups: 1,
  ...fields,
});

/** A model from the inputs named to "y", every port called as its tensor. */
export const modelOf = (tensors, layers, inputs = ["x"]) => ({
  name: "model",
  inputs: inputs.map((name) => ({ name, tensor: name })),
  outputs: [{ name: "y", tensor: "y" }],
  tensors,
  layers,
});

// accuracy.test.js: imported networks classify the CIFAR-10 test images as well as their authors say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCifarFolder } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { importOnnxFile } from "../../dist/onnx/index.js";
import { Model } from "../../dist/runtime/index.js";
import { argmax, MODELS, modelPath, shared, skip } from "./shared.js";

/** How many of the 1,017 lossless test images are classified as their label says. */
async function correct(name) {
  const { test: images } = await loadCifarFolder(shared("cifar10/lossless"));
  const network = await importOnnxFile(modelPath(name), { normalization: MODELS[name] });
  const model = await Model.from(lower(network, { grids: null }));
  const length = images.images.length / images.labels.length;
  let count = 0;
  for (let i = 0; i < images.labels.length; i++) {
    const outputs = model.runSync(images.images.subarray(i * length, (i + 1) * length));
    if (argmax(Object.values(outputs)[0]) === images.labels[i]) count++;
  }
  model.dispose();
  assert.equal(images.labels.length, 1017);
  return count;
}

test("ResNet-20 with batch norm kept: 932", { skip }, async () => {
  assert.equal(await correct("resnet20_cifar10_bn"), 932);
});

test("ResNet-20 with batch norm folded: 932", { skip }, async () => {
  assert.equal(await correct("resnet20_cifar10_folded"), 932);
});

test("ResNet-8: 88.0 %", { skip }, async () => {
  assert.equal(await correct("resnet8_cifar10"), 895);
});

// networks.ts: ready-made architectures: the demo's small residual network, ResNet-20 and a small VGG.

import { createRandom, given, is } from "../base/index.js";
import { SHAPE, type Shape } from "../ops/index.js";
import { buildNetwork, type NetworkBuilder } from "./build.js";
import type { Network } from "./network.js";

/**
 * A small residual CNN: a 3x3 stem, two stages of stride 2 with 1x1 shortcuts, one block with an identity shortcut,
 * global average pool, dense. With width 16 on 1x28x28 and 10 classes: 83,376 weights, 5.5 million products an image.
 * @param width channels of the stem, even; the stages have 1.5 and 3 times as many
 * @param seed of the He initialisation
 */
export function demoNetwork(inputShape: Shape, classes: number, seed: number, width = 16): Network {
  given(
    { inputShape, classes, seed, width },
    { inputShape: SHAPE, classes: is.integer(1), seed: is.number, width: is.integer(2) },
  );
  const b = buildNetwork("demo", createRandom(seed));
  let x = stem(b, inputShape, width);
  x = block(b, x, width, 1.5 * width, 2);
  x = block(b, x, 1.5 * width, 3 * width, 2);
  x = block(b, x, 3 * width, 3 * width, 1);
  return b.finish([b.dense(b.globalAvgPool(x), classes)]);
}

/**
 * ResNet-20 for small images (He et al. 2015, section 4.2): stem, three stages of three blocks with 16, 32 and 64
 * channels, global average pool, dense. Shortcuts that change size are 1x1 convolutions with batch norm.
 */
export function resnet20(inputShape: Shape, classes: number, seed: number): Network {
  given({ inputShape, classes, seed }, { inputShape: SHAPE, classes: is.integer(1), seed: is.number });
  const b = buildNetwork("resnet20", createRandom(seed));
  let x = stem(b, inputShape, 16);
  let channels = 16;
  for (const width of [16, 32, 64]) {
    for (let i = 0; i < 3; i++) {
      x = block(b, x, channels, width, channels === width ? 1 : 2);
      channels = width;
    }
  }
  return b.finish([b.dense(b.globalAvgPool(x), classes)]);
}

/** Channels of the pairs of convolutions of `vgg`, in widths of the first pair. */
const VGG_CHANNELS = [1, 2, 4, 8];
/** Outputs of each of the two hidden dense layers, in widths of the first pair. */
const VGG_DENSE = 32;

/**
 * A small VGG (Simonyan and Zisserman 2014) with batch norm: four pairs of 3x3 convolutions with 1, 2, 4 and 8 times `width`
 * channels, a max pool of stride 2 behind each while there are two rows and columns, two dense layers of 32 times `width`
 * outputs, and the dense layer of the classes. With width 24 on 3x32x32 and 10 classes: 1,846,344 weights, most of them in
 * dense layers, and 31.0 million products an image.
 * @param width channels of the first pair
 * @param seed of the He initialisation
 */
export function vgg(inputShape: Shape, classes: number, seed: number, width = 24): Network {
  given(
    { inputShape, classes, seed, width },
    { inputShape: SHAPE, classes: is.integer(1), seed: is.number, width: is.integer(1) },
  );
  const b = buildNetwork("vgg", createRandom(seed));
  let x = b.input(inputShape);
  let side = Math.min(inputShape[1], inputShape[2]);
  for (const times of VGG_CHANNELS) {
    for (let i = 0; i < 2; i++) x = b.relu(b.batchNorm(b.conv(x, times * width)));
    if (side >= 2) x = b.maxPool(x, 2);
    side >>= 1;
  }
  for (let i = 0; i < 2; i++) x = b.relu(b.batchNorm(b.dense(x, VGG_DENSE * width)));
  return b.finish([b.dense(x, classes)]);
}

function stem(b: NetworkBuilder, shape: Shape, width: number): string {
  return b.relu(b.batchNorm(b.conv(b.input(shape), width)));
}

/** relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)) */
function block(b: NetworkBuilder, x: string, from: number, to: number, stride: number): string {
  const main = b.batchNorm(b.conv(b.relu(b.batchNorm(b.conv(x, to, { stride }))), to));
  const same = stride === 1 && from === to;
  return b.relu(b.add(main, same ? x : b.batchNorm(b.conv(x, to, { kernel: 1, stride }))));
}

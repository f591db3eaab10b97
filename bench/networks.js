// networks.js: the networks measured, in their published shapes, batch norm already folded into the convolutions.

import { buildNetwork, createRandom, inferShapes } from "../dist/graph/index.js";

/** Deep enough for the whole run to be reproducible from one number. */
const SEED = 20;

/**
 * Trained convolution weights are bells with heavier tails than the normal distribution. A normal number times
 * exp(0.3 normal) has kurtosis 4.3 and reaches 7 deviations, as SqueezeNet, MobileNetV2 and ResNet-20 have (4.1 to 4.5;
 * 6 to 8), and INQ at 5, 4, 3 bits makes 3, 40, 40 % of it zero, of theirs 3 to 6, 33 to 40, 36 to 41 %.
 */
const TAIL = 0.3;

/** Makers of float32 networks by name. Convolutions carry a bias; ResNet-20's shortcuts are 1x1 convolutions. */
export const networks = {
  resnet18: () => finish("resnet18", resnet18),
  squeezenet: () => finish("squeezenet", squeezenet),
  mobilenetv1: () => finish("mobilenetv1", mobilenetV1),
  mobilenetv2: () => finish("mobilenetv2", mobilenetV2),
  resnet20: () => finish("resnet20", resnet20),
};

/** Networks for small devices. Only whole ones are measured: their convolutions are no part of the rows over layers. */
export const edgeNetworks = {
  mobilenetv1_025: () => finish("mobilenetv1_025", mobilenetV1Quarter),
  resnet8: () => finish("resnet8", resnet8),
  efficientnet_lite0: () => finish("efficientnet_lite0", efficientNetLite0),
  mobilenetv3: () => finish("mobilenetv3", mobilenetV3Large),
};

export const titles = {
  resnet18: "ResNet-18 224",
  squeezenet: "SqueezeNet 1.1 224",
  mobilenetv1: "MobileNetV1 224",
  mobilenetv2: "MobileNetV2 224",
  resnet20: "ResNet-20 32",
  mobilenetv1_025: "MobileNetV1 0.25 96",
  resnet8: "ResNet-8 32",
  efficientnet_lite0: "EfficientNet-Lite0 224",
  mobilenetv3: "MobileNetV3-Large 224",
};

function finish(name, build) {
  const random = createRandom(SEED);
  const b = buildNetwork(name, random);
  const network = b.finish([build(b)]);
  for (const node of network.nodes) {
    if (node.op !== "conv" && node.op !== "dense") continue;
    shapeTails(node.weight.data, random);
    node.bias?.data.forEach((_, i, bias) => {
      bias[i] = 0.1 * random.normal();
    });
  }
  return network;
}

/** Turns normal weights into trained-like ones of the same variance, in place. */
export function shapeTails(weights, random) {
  for (let i = 0; i < weights.length; i++) weights[i] *= Math.exp(TAIL * random.normal() - TAIL * TAIL);
}

const conv = (b, x, outputs, kernel, stride = 1, options = {}) =>
  b.conv(x, outputs, { kernel, stride, bias: true, ...options });
const convRelu = (b, x, outputs, kernel, stride, options) => b.relu(conv(b, x, outputs, kernel, stride, options));

/** relu(conv(relu(conv(x))) + shortcut(x)) */
function block(b, x, from, to, stride) {
  const main = conv(b, convRelu(b, x, to, 3, stride), to, 3);
  return b.relu(b.add(main, stride === 1 && from === to ? x : conv(b, x, to, 1, stride)));
}

function resnet18(b) {
  let x = b.maxPool(convRelu(b, b.input([3, 224, 224]), 64, 7, 2), 3, 2, 1);
  let channels = 64;
  for (const width of [64, 128, 256, 512]) {
    for (let i = 0; i < 2; i++) {
      x = block(b, x, channels, width, width !== channels ? 2 : 1);
      channels = width;
    }
  }
  return b.dense(b.globalAvgPool(x), 1000);
}

const resnet20 = (b) => cifarResnet(b, 3);
/** The network of MLPerf Tiny for pictures of 32x32. */
const resnet8 = (b) => cifarResnet(b, 1);

function cifarResnet(b, blocks) {
  let x = convRelu(b, b.input([3, 32, 32]), 16, 3);
  let channels = 16;
  for (const width of [16, 32, 64]) {
    for (let i = 0; i < blocks; i++) {
      x = block(b, x, channels, width, width !== channels ? 2 : 1);
      channels = width;
    }
  }
  return b.dense(b.globalAvgPool(x), 10);
}

function squeezenet(b) {
  const fire = (x, squeeze, expand) => {
    const s = convRelu(b, x, squeeze, 1);
    return b.concat([convRelu(b, s, expand, 1), convRelu(b, s, expand, 3)]);
  };
  let x = b.maxPool(convRelu(b, b.input([3, 224, 224]), 64, 3, 2, { padding: 0 }), 3, 2);
  x = b.maxPool(fire(fire(x, 16, 64), 16, 64), 3, 2);
  x = b.maxPool(fire(fire(x, 32, 128), 32, 128), 3, 2);
  x = fire(fire(fire(fire(x, 48, 192), 48, 192), 64, 256), 64, 256);
  return b.globalAvgPool(convRelu(b, x, 1000, 1));
}

const mobilenetV1 = (b) => mobilenetV1Of(b, 1, 224, 1000);
/** The network of MLPerf Tiny for "is a person in the picture". */
const mobilenetV1Quarter = (b) => mobilenetV1Of(b, 0.25, 96, 2);

function mobilenetV1Of(b, width, size, classes) {
  let channels = 32 * width;
  let x = b.relu(conv(b, b.input([3, size, size]), channels, 3, 2), 6);
  const stages = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
    [1024, 2],
    [1024, 1],
  ];
  for (const [outputs, stride] of stages) {
    x = b.relu(conv(b, x, channels, 3, stride, { groups: channels }), 6);
    channels = outputs * width;
    x = b.relu(conv(b, x, channels, 1), 6);
  }
  return b.dense(b.globalAvgPool(x), classes);
}

/** Expansion, outputs, blocks, first stride and kernel of each stage. */
const MOBILENET_V2 = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 32, 3, 2, 3],
  [6, 64, 4, 2, 3],
  [6, 96, 3, 1, 3],
  [6, 160, 3, 2, 3],
  [6, 320, 1, 1, 3],
];
const EFFICIENTNET_LITE0 = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 40, 2, 2, 5],
  [6, 80, 3, 2, 3],
  [6, 112, 3, 1, 5],
  [6, 192, 4, 2, 5],
  [6, 320, 1, 1, 3],
];
const mobilenetV2 = (b) => inverted(b, MOBILENET_V2);
const efficientNetLite0 = (b) => inverted(b, EFFICIENTNET_LITE0);

/** Inverted residual blocks between a first convolution of 32 and a last one of 1280 channels. */
function inverted(b, stages) {
  let channels = 32;
  let x = b.relu(conv(b, b.input([3, 224, 224]), channels, 3, 2), 6);
  for (const [expansion, outputs, count, first, kernel] of stages) {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? first : 1;
      const hidden = expansion * channels;
      let y = expansion === 1 ? x : b.relu(conv(b, x, hidden, 1), 6);
      y = b.relu(conv(b, y, hidden, kernel, stride, { groups: hidden }), 6);
      y = conv(b, y, outputs, 1);
      x = stride === 1 && channels === outputs ? b.add(x, y) : y;
      channels = outputs;
    }
  }
  x = b.relu(conv(b, x, 1280, 1), 6);
  return b.dense(b.globalAvgPool(x), 1000);
}

/** Kernel, expanded channels, outputs, squeezed channels (0: no gate), hard swish, stride of each block. */
const MOBILENET_V3 = [
  [3, 16, 16, 0, false, 1],
  [3, 64, 24, 0, false, 2],
  [3, 72, 24, 0, false, 1],
  [5, 72, 40, 24, false, 2],
  [5, 120, 40, 32, false, 1],
  [5, 120, 40, 32, false, 1],
  [3, 240, 80, 0, true, 2],
  [3, 200, 80, 0, true, 1],
  [3, 184, 80, 0, true, 1],
  [3, 184, 80, 0, true, 1],
  [3, 480, 112, 120, true, 1],
  [3, 672, 112, 168, true, 1],
  [5, 672, 160, 168, true, 2],
  [5, 960, 160, 240, true, 1],
  [5, 960, 160, 240, true, 1],
];

function mobilenetV3Large(b) {
  const swish = (x) => b.activation(x, "hardSwish");
  let channels = 16;
  let x = swish(conv(b, b.input([3, 224, 224]), channels, 3, 2));
  for (const [kernel, hidden, outputs, squeezed, hard, stride] of MOBILENET_V3) {
    const act = hard ? swish : (y) => b.relu(y);
    let y = hidden === channels ? x : act(conv(b, x, hidden, 1));
    y = act(conv(b, y, hidden, kernel, stride, { groups: hidden }));
    if (squeezed > 0) {
      const narrow = b.relu(conv(b, b.globalAvgPool(y), squeezed, 1));
      y = b.binary("mul", y, b.activation(conv(b, narrow, hidden, 1), "hardSigmoid", [1 / 6, 0.5]));
    }
    y = conv(b, y, outputs, 1);
    x = stride === 1 && channels === outputs ? b.add(x, y) : y;
    channels = outputs;
  }
  x = b.globalAvgPool(swish(conv(b, x, 960, 1)));
  return b.dense(swish(b.dense(x, 1280)), 1000);
}

/**
 * The distinct convolutions of some networks, each as a network of its own (input, convolution, ReLU).
 * @returns name, network, products, kind, and how often each network has it; in order of first appearance
 */
export function convLayers(made) {
  const found = new Map();
  for (const network of made) {
    const shapes = inferShapes(network);
    for (const node of network.nodes) {
      if (node.op !== "conv") continue;
      const shape = shapes.get(node.input);
      const key = JSON.stringify([shape, node.weight.shape, node.stride, node.padding, node.groups]);
      if (!found.has(key)) found.set(key, layerOf(node, shape, shapes.get(node.name)));
      const { counts } = found.get(key);
      counts[network.name] = (counts[network.name] ?? 0) + 1;
    }
  }
  return [...found.values()];
}

function layerOf(node, shape, outShape) {
  const [outputs, inputs, kernel] = node.weight.shape;
  const depthwise = node.groups > 1;
  const stride = node.stride[0] > 1 ? ` /${node.stride[0]}` : "";
  const name = `${depthwise ? "dw " : ""}${kernel}x${kernel}${stride} ${shape[0]}>${outputs} @${shape[1]}`;
  const nodes = [
    { op: "input", name: "x", shape },
    { ...node, name: "conv", input: "x" },
    { op: "relu", name: "y", input: "conv" },
  ];
  return {
    name,
    kind: depthwise ? "depthwise" : shape[0] === 3 ? "first" : `${kernel}x${kernel}`,
    network: { name, nodes, outputs: ["y"] },
    macs: outputs * inputs * kernel * kernel * outShape[1] * outShape[2],
    counts: {},
  };
}

/** Products of all convolutions and dense layers. */
export function macsOf(network) {
  const shapes = inferShapes(network);
  let macs = 0;
  for (const node of network.nodes) {
    if (node.op !== "conv" && node.op !== "dense") continue;
    const [, height, width] = shapes.get(node.name);
    macs += node.weight.data.length * height * width;
  }
  return macs;
}

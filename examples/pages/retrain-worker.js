// retrain-worker.js: the training itself, with the package's own rooms: generate, train, calibrate, INQ, lower.

import { Model } from "shiftwise";
import { generate, subset } from "shiftwise/data";
import { encodeModel } from "shiftwise/format";
import { demoNetwork, lower } from "shiftwise/graph";
import { calibrate, collectHistograms, insertQuantizers, portionsFor, quantizationPoints } from "shiftwise/quantize";
import { activations, evaluate, retrain, train } from "shiftwise/train";

const IMAGES = { seed: 1, train: 4000, test: 1000 };
const WIDTH = 8;
const FLOAT_EPOCHS = 6;
const PORTION_EPOCHS = 1;
const CALIBRATION_IMAGES = 256;
const COMMON = { batchSize: 64, weightDecay: 5e-4, augment: { shift: 2 }, seed: 1 };

const gate = createGate();

self.onmessage = async ({ data }) => {
  if (data.kind === "pause") gate.shut();
  else if (data.kind === "resume") gate.open();
  else {
    try {
      await run(data.bits);
    } catch (error) {
      postMessage({ kind: "error", error: { code: error.code, message: error.message } });
    }
  }
};

async function run(bits) {
  const start = performance.now();
  postMessage({ kind: "state", text: "Drawing 5,000 signs…" });
  const data = generate(IMAGES);
  const normalization = data.train.normalization;
  const fresh = demoNetwork(data.train.shape, data.train.classes, 1, WIDTH);
  const nodes = fresh.nodes.map((node) => (node.op === "input" ? { ...node, normalization } : node));
  const network = { ...fresh, name: "signs", nodes, labels: data.train.classNames };

  const portions = portionsFor(bits);
  const floatShare = FLOAT_EPOCHS / (FLOAT_EPOCHS + (portions.length - 1) * PORTION_EPOCHS);
  const watch = (quantizing) => ({
    async onProgress({ done, stage, epoch, epochs, step, accuracy, imagesPerSecond }) {
      const share = quantizing ? floatShare + (1 - floatShare) * done : floatShare * done;
      const what = quantizing ? `portion ${stage + 1} of ${portions.length}` : `epoch ${epoch + 1} of ${epochs}`;
      const text = `${quantizing ? "Retraining" : "Training in float32"}, ${what}, ${Math.round(imagesPerSecond)} images a second`;
      if (quantizing && epoch === 0 && step === 1) postMessage({ kind: "portion", portion: portions[stage] });
      postMessage({ kind: "progress", share, accuracy, step, quantizing, text });
      await gate.passed();
    },
  });

  const schedule = { kind: "cosine", warmUp: 0.5 };
  await train(network, data.train, { ...COMMON, epochs: FLOAT_EPOCHS, learningRate: 0.1, schedule }, watch(false));
  const float = await evaluate(network, data.test);
  postMessage({ kind: "float", accuracy: float.accuracy, bytes: 4 * weightCount(network) });

  postMessage({ kind: "state", text: "Measuring activations…" });
  const points = quantizationPoints(network);
  const sample = subset(
    data.train,
    Array.from({ length: CALIBRATION_IMAGES }, (_, i) => i),
  );
  const histograms = await collectHistograms(points, activations(network, sample, points));
  const encodings = calibrate(network, histograms, { activations: { kind: "linear", bits: 8 } });
  const simulated = insertQuantizers(network, encodings);

  const { grids } = await retrain(
    simulated,
    data.train,
    {
      ...COMMON,
      bits,
      portions,
      // nothing is left to retrain after the last
      epochs: portions.map((portion) => (portion < 1 ? PORTION_EPOCHS : 0)),
      learningRate: 0.02,
      schedule: { kind: "cosine" },
      reestimate: 20,
    },
    watch(true),
  );
  postMessage({ kind: "portion", portion: 1 });
  const file = encodeModel(lower(simulated, { grids }));
  const accuracy = await accuracyOf(file, data.test);
  const seconds = (performance.now() - start) / 1000;
  postMessage({ kind: "done", accuracy, file, seconds }, [file.buffer]);
}

/** Of the file as anyone would run it. */
async function accuracyOf(file, { images, labels }) {
  const model = await Model.load(file);
  const [output] = model.outputs;
  const length = images.length / labels.length;
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const logits = model.runSync(images.subarray(i * length, (i + 1) * length))[output.name];
    right += Number(logits.indexOf(Math.max(...logits)) === labels[i]);
  }
  model.dispose();
  return right / labels.length;
}

function weightCount(network) {
  return network.nodes.reduce((sum, node) => sum + (node.weight?.data.length ?? 0), 0);
}

/** Something to wait at: passed() resolves at once while it is open. */
function createGate() {
  let wait = null;
  let release = null;
  return {
    shut() {
      wait ??= new Promise((resolve) => {
        release = resolve;
      });
    },
    open() {
      release?.();
      wait = null;
    },
    passed: async () => wait,
  };
}

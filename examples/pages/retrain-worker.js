// retrain-worker.js: the training itself: generate images, train a float network, convert it with INQ.

import {
  createClassifier,
  epochsOver,
  freshNetwork,
  measure,
  quantizeByRetraining,
  recipeFor,
} from "shiftwise/convert";
import { generate } from "shiftwise/data";
import { decodeModel, packModel } from "shiftwise/format";
import { evaluate, train } from "shiftwise/train";

const IMAGES = { seed: 1, train: 4000, test: 1000 };
const WIDTH = 8;
const FLOAT_EPOCHS = 6;
const PORTION_EPOCHS = 1;
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
  const network = { ...freshNetwork("demo", data.train, COMMON.seed, WIDTH), name: "signs" };

  // at 3 and 2 bits n1 by least squared error loses less than the paper's
  const paper = { ...recipeFor(bits, "paper"), rule: undefined };
  const { portions } = paper;
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
  const recipe = { ...paper, ...COMMON, epochs: epochsOver(portions, PORTION_EPOCHS), learningRate: 0.02 };
  const { model } = await quantizeByRetraining(network, data.train, recipe, watch(true));
  postMessage({ kind: "portion", portion: 1 });
  const file = packModel(model);
  const accuracy = await accuracyOf(file, data.test);
  const seconds = (performance.now() - start) / 1000;
  postMessage({ kind: "done", accuracy, file, seconds }, [file.buffer]);
}

/** Of the file as anyone would run it. */
async function accuracyOf(file, images) {
  const executor = await createClassifier(decodeModel(file));
  const { accuracy } = await measure(executor, images);
  executor.dispose();
  return accuracy / 100;
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

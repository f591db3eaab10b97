// killed.js: training runs, and a program that kills itself in the middle of one. Saves after every step.
import { fileURLToPath } from "node:url";
import { prune, retrain, train } from "../../dist/training/index.js";
import { squares, tinyNetwork } from "./helpers.js";

const data = squares(160);
const common = {
  batchSize: 16,
  learningRate: 0.05,
  seed: 3,
  schedule: { kind: "cosine" },
  augment: { flip: true },
};
const quantizing = { bits: 3, scale: "channel", portions: [0.5, 0.8, 1], epochs: [1, 1, 1], average: 0.9 };

/** Each: (network, checkpoint or {}, control, and, of retraining, images to test on after every portion). */
export const jobs = {
  train: (network, checkpoint, control) =>
    train(network, data, { ...common, epochs: 3, ...saved(checkpoint) }, control),
  prune: (network, checkpoint, control) =>
    prune(network, data, { ...common, sparsity: 0.6, epochs: 3, settle: 1, ...saved(checkpoint) }, control),
  retrain: (network, checkpoint, control, test = data) =>
    retrain(network, data, { ...common, ...quantizing, compensate: 32, test, ...saved(checkpoint) }, control),
};

const saved = (checkpoint) => (checkpoint.path ? { checkpoint: { everySeconds: 0, ...checkpoint } } : {});

/** The images, and a call each time that they are read: once at the start, then for every image that is tested. */
const watched = (onRead) => ({
  ...data,
  get images() {
    onRead();
    return data.images;
  },
});

// killed.js <checkpoint> <after so many> [job] [steps, or reads of test images]
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path, stop, job = "train", unit = "steps"] = process.argv.slice(2);
  let done = 0;
  const count = (what) => () => {
    if (what === unit && ++done === Number(stop)) process.kill(process.pid, "SIGKILL");
  };
  const checkpoint = { path, resume: true };
  await jobs[job](tinyNetwork(), checkpoint, { onProgress: count("steps") }, watched(count("reads")));
}

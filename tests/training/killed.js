// killed.js: training runs, and a program that kills itself after some steps of one. Saves after every step.
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

/** Each: (network, checkpoint or {}, control). */
export const jobs = {
  train: (network, checkpoint, control) =>
    train(network, data, { ...common, epochs: 3, ...saved(checkpoint) }, control),
  prune: (network, checkpoint, control) =>
    prune(network, data, { ...common, sparsity: 0.6, epochs: 3, settle: 1, ...saved(checkpoint) }, control),
  retrain: (network, checkpoint, control) =>
    retrain(network, data, { ...common, ...quantizing, compensate: 32, ...saved(checkpoint) }, control),
};

const saved = (checkpoint) => (checkpoint.path ? { checkpoint: { everySeconds: 0, ...checkpoint } } : {});

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path, stop, job = "train"] = process.argv.slice(2);
  let steps = 0;
  await jobs[job](
    tinyNetwork(),
    { path, resume: true },
    {
      onProgress() {
        if (++steps === Number(stop)) process.kill(process.pid, "SIGKILL");
      },
    },
  );
}

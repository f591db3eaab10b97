// killed.js: a training run that kills itself after some steps, for checkpoint.test.js. Saves after every step.
import { train } from "../../dist/training/index.js";
import { squares, tinyNetwork } from "./helpers.js";

const [path, stop] = process.argv.slice(2);
const options = {
  batchSize: 16,
  learningRate: 0.05,
  seed: 3,
  schedule: { kind: "cosine" },
  augment: { flip: true },
  epochs: 3,
  checkpoint: { path, everySeconds: 0, resume: true },
};
let steps = 0;
await train(tinyNetwork(), squares(160), options, {
  onProgress() {
    if (++steps === Number(stop)) process.kill(process.pid, "SIGKILL");
  },
});

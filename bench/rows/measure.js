// measure.js: a model on all test images: accuracy, answers and golden hash, from the wasm runtime.
import { goldenHash } from "../../dist/model/index.js";
import { createClassifier, image, measure } from "../../dist/pipeline/index.js";

/** Test images whose logits make the golden hash. */
const HASHED_IMAGES = 64;

export const round = (value) => Math.round(value * 100) / 100;

/** @returns accuracy in percent, the answer to every image, and the golden hash. */
export async function measureModel(model, test, label, { screen, signal }) {
  const executor = await createClassifier(model);
  const answers = [];
  const run = (pixels) => {
    const logits = executor.run(pixels);
    answers.push(logits.indexOf(Math.max(...logits)));
    return logits;
  };
  const update = screen.step(label);
  const { accuracy } = await measure({ run }, test, { signal, onProgress: (share) => update(share, "") });
  screen.done(`${round(accuracy)} %`);
  const hashed = Array.from({ length: HASHED_IMAGES }, (_, i) => executor.run(image(test, i)));
  executor.dispose();
  return { accuracy: round(accuracy), answers, hash: goldenHash(...hashed) };
}

// warmup.ts: runs on made-up images until the engine has optimized the kernels.
import { elements } from "../ops/index.js";
import type { InputInfo, Inputs } from "./inputs.js";
import { checkFunction } from "./options.js";

/** After three even small models run on optimized code; one more for slow compilers. */
const RUNS = 4;

/**
 * Runs some images and tells the share that is done.
 * @param run one image; what it is given may be handed over
 * @param onProgress hears the share that is done, 0..1
 */
export async function warmUp(
  inputs: readonly InputInfo[],
  run: (image: Inputs) => unknown,
  onProgress?: (share: number) => void | Promise<void>,
): Promise<void> {
  checkFunction(onProgress, "onProgress");
  for (let count = 1; count <= RUNS; count++) {
    const images = inputs.map(({ name, shape }) => [name, new Float32Array(elements(shape)).fill(1)]);
    await run(Object.fromEntries(images));
    await onProgress?.(count / RUNS);
    // optimized code is taken up between runs
    await new Promise((resolve) => setTimeout(resolve));
  }
}

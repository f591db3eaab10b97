// cold.js: time from nothing to the first output in fresh processes, ours and onnxruntime-web's in turn.
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encodeModel } from "../dist/format/index.js";
import { floatModel } from "./onnx.js";

const run = promisify(execFile);

/** Bars as shares of onnxruntime-web's time. */
export const COLD_NETWORKS = { resnet20: 1 / 3, squeezenet: 1 / 3, resnet18: 1 };

/**
 * Both import their runtime, load the model from bytes and run it once: w5a8 against float32.
 * @param tasks network tasks
 * @returns per network: name, bar, milliseconds of both by round, and their ratios
 */
export async function measureCold(tasks, rounds, onStep) {
  const folder = new URL("./results/models/", import.meta.url);
  await mkdir(folder, { recursive: true });
  const cold = [];
  for (const task of tasks) {
    const ours = fileURLToPath(new URL(`${task.name}.safetensors`, folder));
    const theirs = fileURLToPath(new URL(`${task.name}.onnx`, folder));
    await writeFile(ours, encodeModel(task.shifted("w5a8").def));
    await writeFile(theirs, floatModel(task.network));
    const shiftwise = [];
    const ortWeb = [];
    for (let i = 0; i < rounds; i++) {
      shiftwise.push(await child("shiftwise.js", ours, task));
      ortWeb.push(await child("ort-web.js", theirs, task));
      onStep();
    }
    cold.push({
      name: task.name,
      bar: COLD_NETWORKS[task.name],
      shiftwise,
      ortWeb,
      rounds: shiftwise.map((ms, i) => ms / ortWeb[i]),
    });
  }
  await rm(folder, { recursive: true });
  return cold;
}

async function child(script, model, task) {
  const path = fileURLToPath(new URL(`./cold/${script}`, import.meta.url));
  const { stdout } = await run(process.execPath, [path, model, JSON.stringify(task.network.nodes[0].shape)]);
  return JSON.parse(stdout).milliseconds;
}

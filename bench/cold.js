// cold.js: time from nothing to the first output in fresh processes, ours and onnxruntime-web's in turn.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encodeModel } from "../dist/model/index.js";
import { floatModel } from "./onnx.js";
import { COLD_BARS } from "./summary.js";

const run = promisify(execFile);

/**
 * Both import their runtime, load the model from bytes and run it once: w5a8 against float32.
 * @param task of a network
 * @returns name, milliseconds of both by round, and their ratios; nothing for a network without a bar
 */
export async function measureCold(task, rounds) {
  if (!(task.name in COLD_BARS)) return [];
  const folder = await mkdtemp(join(tmpdir(), "shiftwise-bench-"));
  try {
    const ours = join(folder, "model.safetensors");
    const theirs = join(folder, "model.onnx");
    await writeFile(ours, encodeModel(task.shifted("w5a8").def));
    await writeFile(theirs, floatModel(task.network));
    const shiftwise = [];
    const ortWeb = [];
    for (let i = 0; i < rounds; i++) {
      shiftwise.push(await child("shiftwise.js", ours, task));
      ortWeb.push(await child("ort-web.js", theirs, task));
    }
    return [{ name: task.name, shiftwise, ortWeb, rounds: shiftwise.map((ms, i) => ms / ortWeb[i]) }];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function child(script, model, task) {
  const path = fileURLToPath(new URL(`./cold/${script}`, import.meta.url));
  const { stdout } = await run(process.execPath, [path, model, JSON.stringify(task.network.nodes[0].shape)]);
  return JSON.parse(stdout).milliseconds;
}

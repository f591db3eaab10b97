// refusals-checkpoint.js: each rule of a checkpoint broken in the file of a run that averages and cuts weights.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parameterLayout } from "../../dist/engine/index.js";
import { storeBytes } from "../../dist/format/index.js";
import { encodeNetwork } from "../../dist/graph/index.js";
import { copyParameters, loadCheckpoint, saveCheckpoint } from "../../dist/training/checkpoint.js";
import { tinyNetwork } from "../training/helpers.js";
import { NAN, patched, variants } from "./refusals.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const path = join(folder, "checkpoint.safetensors");

const run = { seed: "1", "tiny network": "2" };
const layout = parameterLayout(tinyNetwork());
const plan = { stages: [{ epochs: 2 }, { epochs: 2, cut: new Map() }], steps: 10, batchSize: 16, averaging: true };
const record = (stage, epoch) => ({ stage, epoch, loss: 0.5, accuracy: 0.75, seconds: 2 });
await saveCheckpoint(path, {
  network: tinyNetwork(),
  grids: null,
  velocity: new Float32Array(layout.length),
  average: new Float32Array(layout.length),
  kept: new Uint8Array(layout.weights).fill(1),
  position: {
    ...{ stage: 1, epoch: 1, step: 3, loss: 1.5, correct: 7, firstLoss: 2.25, seconds: 4 },
    history: [record(0, 0), record(0, 1), record(1, 0)],
    tests: [0.5],
  },
  run,
});
export const checkpoint = variants(new Uint8Array(readFileSync(path)), "checkpoint");

/** Reads the file as the run that wrote it does when it goes on. */
export async function readCheckpoint(bytes) {
  writeFileSync(path, bytes);
  const saved = await loadCheckpoint(path, run, layout, plan);
  copyParameters(saved.network, tinyNetwork());
}

const { change, tensors } = checkpoint;
const position = (edit) => change((g) => edit(g.position));
const network = (bytes) => tensors((t) => t.set("network", storeBytes(bytes)));
const poisoned = (name) => tensors((t) => t.set(name, patched(t.get(name), 4, ...NAN)));

export const checkpointRefusals = {
  "checkpoint-run": [
    [change((g) => (g.run.seed = "2")), /seed: .*another run; expected 1; found 2/],
    [change((g) => (g.run.more = "2")), /more: .*expected none; found 2/],
    [change((g) => delete g.run.seed), /seed: .*expected 1; found none/],
  ],
  "checkpoint-network": [
    [network(encodeNetwork(tinyNetwork()).subarray(0, 100)), /network: header: the file ends too early/],
    [network(checkpoint.valid), /network: __metadata__\.kind: .*"network"/],
  ],
  "checkpoint-grids": [[network(encodeNetwork(tinyNetwork(), { grids: freeGrids() })), /network: .*no grids/]],
  "checkpoint-position": [
    [position((p) => (p.stage = 2)), /position\.stage: .*expected 0\.\.1/],
    [position((p) => (p.epoch = 3)), /position\.epoch: .*expected 0\.\.2/],
    [position((p) => (p.step = 11)), /position\.step: .*expected 0\.\.10/],
    [position((p) => (p.correct = 49)), /position\.correct: .*expected 0\.\.48/],
    [position((p) => p.history.pop()), /position\.history\.length: .*expected 3/],
    [position((p) => (p.history[1].epoch = 0)), /position\.history\[1\]\.epoch: .*expected 1/],
    [position((p) => (p.history[2].stage = 0)), /position\.history\[2\]\.stage: .*expected 1/],
    [position((p) => (p.tests = [])), /position\.tests\.length: .*expected 1/],
  ],
  "checkpoint-averaging": [[without("averaging", "average"), /averaging: .*expected true; found false/]],
  "checkpoint-cutting": [[without("cutting", "kept"), /cutting: .*expected true; found false/]],
  "checkpoint-finite": [
    [poisoned("velocity"), /tensor velocity\[1\]: .*finite/],
    [poisoned("average"), /tensor average\[1\]: .*finite/],
  ],
  "checkpoint-kept": [[tensors((t) => t.set("kept", patched(t.get("kept"), 3, 2))), /tensor kept\[3\]: .*0 or 1/]],
  "checkpoint-structure": [[network(encodeNetwork(renamed())), /bn1\.gamma: .*another structure/]],
};

function without(field, tensor) {
  return change((g, t) => {
    g[field] = false;
    t.delete(tensor);
  });
}

/** A grid of powers on which nothing is decided yet. */
function freeGrids() {
  const frozen = new Uint8Array(72);
  return new Map([["conv1", { kind: "powers", bits: 4, n1: 0, scale: null, frozen }]]);
}

/** The run's network with one node under another name. */
function renamed() {
  const text = JSON.stringify(tinyNetwork(), (_, v) => (v instanceof Float32Array ? { floats: [...v] } : v));
  const revive = (_, v) => (v?.floats ? Float32Array.from(v.floats) : v);
  return JSON.parse(text.replaceAll('"bn1"', '"norm"'), revive);
}

// checkpoint.test.js: a run that was interrupted anywhere ends in the bits of the run that was not.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeAtomically } from "../../dist/base/system.js";
import { openFile, sealFile, tensorSource } from "../../dist/format/index.js";
import { decodeNetwork } from "../../dist/graph/index.js";
import { retrain, train } from "../../dist/training/index.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const folder = await mkdtemp(join(tmpdir(), "shiftwise-"));
after(() => rm(folder, { recursive: true }));

const data = squares(160);
const common = { batchSize: 16, learningRate: 0.05, seed: 3, schedule: { kind: "cosine" }, augment: { flip: true } };
const training = { ...common, epochs: 3 };
const quantizing = { ...common, bits: 4, portions: [0.5, 0.8, 1], epochs: [2, 2, 1], reestimate: 3 };

async function interrupted(run, stops, checkpoint) {
  const network = tinyNetwork();
  for (const stop of stops) {
    const controller = new AbortController();
    let steps = 0;
    const onProgress = () => ++steps === stop && controller.abort();
    const again = tinyNetwork();
    await assert.rejects(run(again, { ...checkpoint, resume: true }, { signal: controller.signal, onProgress }), {
      code: "ABORTED",
    });
  }
  const result = await run(network, { ...checkpoint, resume: true }, {});
  return { network, result };
}

for (const threads of [1, 2]) {
  test(`training with a teacher aborted four times and resumed, ${threads} threads`, async () => {
    const whole = tinyNetwork();
    const options = { ...training, threads, distill: { teacher: tinyNetwork(5), share: 0.5 } };
    const { history } = await train(whole, data, options);
    const checkpoint = { path: join(folder, `train${threads}.safetensors`) };
    const run = (network, saved, control) => train(network, data, { ...options, checkpoint: saved }, control);
    const { network, result } = await interrupted(run, [3, 7, 9, 2], checkpoint);
    assert.deepEqual(bitsOf(network), bitsOf(whole));
    const numbers = (records) => records.map(({ epoch, loss, accuracy }) => [epoch, loss, accuracy]);
    assert.deepEqual(numbers(result.history), numbers(history));
  });
}

test("retraining aborted in every portion and resumed", async () => {
  const whole = tinyNetwork();
  const expected = await retrain(whole, data, quantizing);
  const checkpoint = { path: join(folder, "retrain.safetensors") };
  const run = (network, saved, control) => retrain(network, data, { ...quantizing, checkpoint: saved }, control);
  // 10 steps an epoch: inside the first portion, at its very end, inside the second, inside the last
  const { network, result } = await interrupted(run, [5, 15, 4, 19], checkpoint);
  assert.deepEqual(bitsOf(network), bitsOf(whole));
  assert.deepEqual(result.grids, expected.grids);
});

test("training killed with SIGKILL at any moment and resumed", async () => {
  const whole = tinyNetwork();
  await train(whole, data, training);
  const path = join(folder, "killed.safetensors");
  const program = fileURLToPath(new URL("./killed.js", import.meta.url));
  for (const steps of [1, 8, 13]) {
    const child = spawn(process.execPath, [program, path, String(steps)], { stdio: ["ignore", "ignore", "inherit"] });
    const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
    assert.equal(signal, "SIGKILL");
  }
  const network = tinyNetwork();
  const steps = [];
  await train(network, data, { ...training, checkpoint: { path, resume: true } }, { onProgress: (p) => steps.push(p) });
  assert.ok(steps.length < 30, "nothing was resumed");
  assert.deepEqual(bitsOf(network), bitsOf(whole));
});

test("a checkpoint knows its run again when the networks come from files, whose nodes are written in another order", async () => {
  const path = join(folder, "order.safetensors");
  const options = (teacher) => ({ ...training, distill: { teacher, share: 0.5 }, checkpoint: { path, resume: true } });
  const controller = new AbortController();
  const control = { signal: controller.signal, onProgress: () => controller.abort() };
  await assert.rejects(train(tinyNetwork(), data, options(tinyNetwork(5)), control), { code: "ABORTED" });
  const turned = (network) => ({
    ...network,
    nodes: network.nodes.map((node) => Object.fromEntries(Object.entries(node).reverse())),
  });
  const whole = tinyNetwork();
  await train(whole, data, { ...options(tinyNetwork(5)), checkpoint: undefined });
  const network = turned(tinyNetwork());
  await train(network, data, options(turned(tinyNetwork(5))));
  assert.deepEqual(bitsOf(turned(network)), bitsOf(whole));
  await assert.rejects(train(tinyNetwork(), data, options(tinyNetwork(6))), { code: "BAD_OPTION", where: /distill/ });
});

test("a finished run resumes to its end at once", async () => {
  const checkpoint = { path: join(folder, "finished.safetensors"), resume: true };
  const [a, b] = [tinyNetwork(), tinyNetwork()];
  await train(a, data, { ...training, checkpoint });
  const steps = [];
  const { history } = await train(b, data, { ...training, checkpoint }, { onProgress: (p) => steps.push(p) });
  assert.equal(steps.length, 0);
  assert.equal(history.length, 3);
  assert.deepEqual(bitsOf(b), bitsOf(a));
});

test("without resume an old checkpoint is not read", async () => {
  const path = join(folder, "old.safetensors");
  await writeFile(path, "something else");
  await train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint: { path } });
  await train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint: { path, resume: true } });
});

test("a checkpoint of another run is refused with what differs", async () => {
  const checkpoint = { path: join(folder, "other.safetensors"), resume: true };
  await train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint });
  const attempt = (more, set = data, network = tinyNetwork()) =>
    train(network, set, { ...training, epochs: 1, checkpoint, ...more });
  await assert.rejects(attempt({ learningRate: 0.06 }), {
    code: "BAD_OPTION",
    where: `${checkpoint.path}: learningRate`,
    found: "0.05",
    expected: "0.06",
  });
  await assert.rejects(attempt({ threads: 2 }), { where: `${checkpoint.path}: threads` });
  await assert.rejects(attempt({ epochs: 2 }), { where: `${checkpoint.path}: epochs` });
  await assert.rejects(attempt({}, squares(160, 2)), { where: `${checkpoint.path}: images` });
  const renamed = { ...tinyNetwork(), name: "other" };
  await assert.rejects(attempt({}, data, renamed), { where: `${checkpoint.path}: network` });
  await assert.rejects(retrain(tinyNetwork(), data, { ...quantizing, checkpoint }), { code: "BAD_OPTION" });
});

test("a damaged checkpoint is refused, whatever is damaged", async () => {
  const path = join(folder, "damaged.safetensors");
  await train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint: { path } });
  const bytes = await readFile(path);
  const attempt = async (changed) => {
    await writeFile(path, changed);
    return train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint: { path, resume: true } });
  };
  await assert.rejects(attempt(bytes.subarray(0, bytes.length - 1)), { code: "TRUNCATED" });
  await assert.rejects(attempt(bytes.subarray(0, 5)), { code: "TRUNCATED" });
  await assert.rejects(attempt(Buffer.alloc(0)), { code: "TRUNCATED" });
  const flipped = Buffer.from(bytes);
  flipped[flipped.length - 100] ^= 4;
  await assert.rejects(attempt(flipped), { code: "CHECKSUM" });
  const version = Buffer.from(bytes);
  version.write('"version":"9"', version.indexOf('"version":"1"'));
  await assert.rejects(attempt(version), { code: "BAD_FILE", found: "9" });
  const { graph, tensors } = openFile(new Uint8Array(bytes), ["checkpoint"], path);
  for (const field of ["quantizing", "averaging", "cutting"]) {
    const changed = sealFile("checkpoint", { ...graph, [field]: "false" }, tensors);
    await assert.rejects(attempt(changed), { code: "BAD_FILE", where: `${path}: ${field}` });
  }
  await attempt(bytes);
});

test("a run that diverges leaves the checkpoint of the epoch before, finite, and does so again when resumed", async () => {
  const path = join(folder, "diverged.safetensors");
  const schedule = { kind: "step", at: [1], factor: 1e30 };
  const run = (resume, seen = []) =>
    train(
      tinyNetwork(),
      data,
      { ...training, schedule, checkpoint: { path, resume } },
      { onProgress: (p) => seen.push(p) },
    );
  await assert.rejects(run(false), { code: "DIVERGED", where: /epoch 2, step \d+/ });
  const good = await readFile(path);
  const { graph, tensors } = openFile(new Uint8Array(good), ["checkpoint"], path);
  assert.deepEqual([graph.position.epoch, graph.position.step], [1, 0]);
  const { network } = decodeNetwork(tensorSource(tensors, path).bytes("network", null), path);
  const values = new Float32Array(bitsOf(network).buffer);
  assert.ok(values.length > 1000 && values.every(Number.isFinite));
  const seen = [];
  await assert.rejects(run(true, seen), { code: "DIVERGED", where: /epoch 2/ });
  assert.ok(seen.every(({ epoch }) => epoch === 1));
  assert.deepEqual(await readFile(path), good);
});

test("a checkpoint that cannot be written is an IO error and leaves nothing behind", async () => {
  const missing = join(folder, "no", "such", "folder.safetensors");
  await assert.rejects(train(tinyNetwork(), data, { ...training, epochs: 1, checkpoint: { path: missing } }), {
    code: "IO",
    where: missing,
  });
  const path = join(folder, "whole");
  await writeAtomically(path, Uint8Array.of(1, 2, 3));
  await assert.rejects(writeAtomically(join(path, "below"), Uint8Array.of(4)), { code: "IO" });
  assert.deepEqual([...(await readFile(path))], [1, 2, 3]);
  await writeAtomically(path, Uint8Array.of(5));
  assert.deepEqual([...(await readFile(path))], [5]);
  await chmod(path, 0o600);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.includes("partial") && !name.startsWith("killed")),
    [],
  );
});

test("a disk that takes no more leaves the checkpoint before it whole", {
  skip: process.platform === "win32",
}, async () => {
  const own = await mkdtemp(join(folder, "full-"));
  const path = join(own, "full.safetensors");
  const program = fileURLToPath(new URL("./killed.js", import.meta.url));
  const args = [program, path, "15"];
  assert.equal(spawnSync(process.execPath, args).signal, "SIGKILL");
  const before = await readFile(path);
  assert.ok(before.length > 1024);
  // now no file of the process may have more than a block
  const { status, stderr } = spawnSync("sh", ["-c", 'ulimit -f 1; exec "$0" "$@"', process.execPath, ...args]);
  assert.equal(status, 1);
  assert.match(String(stderr), /file too large.*code: 'IO'/s);
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual(await readdir(own), ["full.safetensors"]);
});

test("a checkpoint that stands where the run never does is refused, with what is wrong", async () => {
  const path = join(folder, "beyond.safetensors");
  await train(tinyNetwork(), data, { ...training, checkpoint: { path } });
  const { graph, tensors } = openFile(new Uint8Array(await readFile(path)), ["checkpoint"], path);
  const attempt = async (change, more = {}) => {
    const kept = new Map([...tensors].map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, bytes }]));
    await writeFile(
      path,
      sealFile("checkpoint", { ...graph, position: { ...graph.position, ...change }, ...more }, kept),
    );
    return train(tinyNetwork(), data, { ...training, checkpoint: { path, resume: true } });
  };
  assert.equal((await attempt({})).history.length, 3);
  const [first, second, third] = graph.position.history;
  const cases = [
    [{ epoch: 4 }, "epoch", 4],
    [{ epoch: 2 ** 31 - 1 }, "epoch", 2 ** 31 - 1],
    [{ stage: 1, epoch: 0 }, "stage", 1],
    [{ epoch: 2, step: 11, history: [first, second] }, "step", 11],
    [{ step: 1 }, "step", 1],
    [{ correct: 1 }, "correct", 1],
    [{ history: [first, third] }, "history.length", 2],
    [{ history: [first, third, second] }, "history[1].epoch", 2],
    [{ tests: [0.5] }, "tests.length", 1],
  ];
  for (const [change, field, found] of cases) {
    await assert.rejects(attempt(change), { code: "BAD_FILE", where: `${path}: position.${field}`, found }, field);
  }
  await assert.rejects(attempt({}, { cutting: true }), { name: "ShiftwiseError" });
});

// service.test.js: the service under load: every visitor is answered, as many as there is room for with classes.
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import sharp from "sharp";
import { readPicture } from "../../dist/data/node.js";
import { Model, topK } from "../../dist/runtime/index.js";
import { startService } from "../../examples/service/service.js";

const MODEL = fileURLToPath(new URL("../../examples/models/mnist-shift.safetensors", import.meta.url));
const [WORKERS, WAITING] = [2, 6];

let service;
let picture;
let expected;

before(async () => {
  service = await startService(MODEL, { workers: WORKERS, waiting: WAITING });
  const data = Buffer.from(Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * 7) & 255));
  picture = await sharp(data, { raw: { width: 300, height: 200, channels: 3 } })
    .png()
    .toBuffer();
  const model = await Model.load(MODEL);
  const { [model.outputs[0].name]: scores } = await model.run(await readPicture(picture, model.inputs[0]));
  expected = JSON.parse(JSON.stringify(topK(scores, 5, model.labels)));
  model.dispose();
});
after(() => service.stop());

const ask = (body = picture, path = "/classify", method = "POST") =>
  fetch(service.address + path, { method, ...(method === "POST" && { body }) });

test("a picture is answered with the five likeliest classes", async () => {
  const response = await ask();
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), expected);
});

test("under load everybody is answered: 200 with the same classes, or 503 at once; never more are inside than may", {
  timeout: 120_000,
}, async () => {
  const counts = { 200: 0, 503: 0 };
  const visitor = async () => {
    for (let i = 0; i < 10; i++) {
      const response = await ask();
      counts[response.status]++;
      const body = await response.json();
      if (response.status === 200) assert.deepEqual(body, expected);
      else assert.deepEqual([response.headers.get("retry-after"), /busy/.test(body.error)], ["1", true]);
    }
  };
  await Promise.all(Array.from({ length: 40 }, visitor));
  assert.equal(counts[200] + counts[503], 400);
  assert.ok(counts[200] >= 10 && counts[503] >= 1, JSON.stringify(counts));
  const { inside, most, waiting } = await (await ask(null, "/health", "GET")).json();
  assert.deepEqual([inside, waiting], [0, 0]);
  assert.ok(most <= WORKERS + WAITING, `${most} inside`);
});

test("what is no picture, too much or another way is refused with what to do", async () => {
  const cases = [
    [await ask("no picture"), 400, /cannot decode the image.*JPEG/],
    [await ask(picture.subarray(0, 300)), 400, /cannot decode/],
    [await ask(""), 400, /empty file/],
    [await ask(null, "/other", "GET"), 404, /POST \/classify/],
    [await ask(null, "/classify", "GET"), 405, /with POST/],
  ];
  for (const [response, status, message] of cases) {
    assert.equal(response.status, status);
    assert.match((await response.json()).error, message);
  }
  const large = await ask(Buffer.alloc(8_100_000)).then(
    ({ status }) => status,
    () => "cut",
  );
  assert.ok(large === 413 || large === "cut");
  assert.equal((await ask()).status, 200);
});

test("a worker that has died is replaced: whoever met it hears to ask again, all others are answered", async () => {
  const workers = new Set();
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (...message) {
    workers.add(this);
    return postMessage.apply(this, message);
  };
  const own = await startService(MODEL, { workers: WORKERS, waiting: WAITING });
  const once = async () => {
    const response = await fetch(`${own.address}/classify`, { method: "POST", body: picture });
    return { status: response.status, body: await response.json() };
  };
  const untilAnswered = async () => {
    const refused = [];
    for (let i = 0; i < 2 * WORKERS; i++) {
      const { status, body } = await once();
      if (status === 200) assert.deepEqual(body, expected);
      else refused.push([status, body.error]);
    }
    return refused;
  };
  try {
    for (let round = 0; round < 2; round++) {
      for (const worker of workers) await worker.terminate();
      workers.clear();
      const refused = await untilAnswered();
      assert.ok(refused.length >= 1 && refused.length <= WORKERS, JSON.stringify(refused));
      for (const [status, error] of refused) assert.deepEqual([status, /once more/.test(error)], [503, true]);
      assert.deepEqual(await untilAnswered(), []);
    }
  } finally {
    Worker.prototype.postMessage = postMessage;
    await own.stop();
  }
});

test("visitors who go away half way leave nothing behind", async () => {
  const leave = () =>
    new Promise((resolve) => {
      const request = httpRequest(`${service.address}/classify`, {
        method: "POST",
        headers: { "content-length": picture.length },
      });
      request.on("error", resolve);
      request.on("close", resolve);
      request.write(picture.subarray(0, 100), () => request.destroy());
    });
  await Promise.all(Array.from({ length: 20 }, leave));
  for (let i = 0; i < 200 && service.pool.load().inside > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(service.pool.load().inside, 0);
  assert.deepEqual(await (await ask()).json(), expected);
});

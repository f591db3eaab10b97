// cache.test.js: a model that the browser keeps: without a network, damaged, without room, and not allowed.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { browserTest, launch, serveRepository, skip } from "./chromium.js";

const MODEL = "/examples/models/mnist-shift.safetensors";

let browser;
let server;

before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serveRepository();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page with its own storage, and how often it asked for the model. */
async function open() {
  const context = await browser.newContext();
  const page = await context.newPage();
  let asked = 0;
  context.on("request", (request) => {
    if (request.url().endsWith(MODEL)) asked++;
  });
  await page.goto(`${server.address}/tests/browser/golden.html`);
  // the scripts that loading imports are there before the network is gone
  await page.evaluate(() =>
    Promise.all(["/dist/runtime/index.js", "/dist/runtime/cache.js"].map((path) => import(path))),
  );
  return { context, page, count: () => asked };
}

const load = (page, door = "index.js") =>
  page.evaluate(
    async ([address, file]) => {
      const { Model, WorkerModel } = await import(`/dist/runtime/${file}`);
      const problems = [];
      const cache = ({ code, message }) => problems.push(`${code} ${message}`);
      try {
        const model = await (Model ?? WorkerModel).load(address, { cache });
        model.dispose();
        return { name: model.name, problems };
      } catch ({ code }) {
        return { code, problems };
      }
    },
    [MODEL, door],
  );

browserTest("a model that was kept loads without a network, and without a request", async () => {
  const { context, page, count } = await open();
  const first = await load(page);
  assert.deepEqual(first.problems, []);
  assert.ok(first.name);
  const fetched = count();
  assert.equal(fetched, 1);
  await context.setOffline(true);
  assert.deepEqual(await load(page), first);
  await context.setOffline(false);
  assert.deepEqual(await load(page, "worker-model/remote.js"), first);
  assert.equal(count(), fetched);
  await context.close();
});

browserTest("a kept model that is damaged is fetched anew", async () => {
  const { context, page, count } = await open();
  const first = await load(page);
  await page.evaluate(async (address) => {
    const store = await caches.open("shiftwise-models");
    const bytes = new Uint8Array(await (await store.match(address)).arrayBuffer());
    bytes[bytes.length - 9] ^= 1;
    await store.put(address, new Response(bytes));
  }, MODEL);
  assert.deepEqual(await load(page), first);
  assert.equal(count(), 2);
  assert.deepEqual(await load(page), first);
  assert.equal(count(), 2);
  await context.close();
});

browserTest("a model that cannot be kept loads all the same, and the listener hears what to do", async () => {
  const { context, page } = await open();
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: server.address, quotaSize: 1000 });
  for (const door of ["index.js", "worker-model/remote.js"]) {
    const { name, problems } = await load(page, door);
    assert.ok(name);
    assert.match(problems.join(), /^IO .*cannot be kept.*bytes of room: caches\.delete\("shiftwise-models"\).*Quota/);
  }
  await session.send("Storage.overrideQuotaForOrigin", { origin: server.address });
  await page.evaluate(() => {
    caches.open = () => Promise.reject(new DOMException("no", "SecurityError"));
  });
  const { name, problems } = await load(page);
  assert.ok(name);
  assert.match(problems.join(), /^IO .*allows storage.*SecurityError/);
  await context.close();
});

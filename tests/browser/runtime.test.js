// runtime.test.js: the runtime in Chromium: isolated or not, under strict policies, with every kind of picture.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { browserTest, launch, serveRepository, skip } from "./chromium.js";

const MODEL = "/examples/models/mnist-shift.safetensors";
const PAGE = "/tests/browser/golden.html";
const bytes = readFileSync(new URL(`../..${MODEL}`, import.meta.url));
const IMAGES = Array.from({ length: 5 }, (_, n) =>
  Array.from({ length: 784 }, (_, i) => (i * (n + 3) * 7 + (i >> 5)) & 255),
);
const STRICT = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const NO_WASM = "default-src 'self'; script-src 'self'";

let browser;
let expected;
const servers = [];

before(async () => {
  const model = await Model.load(bytes);
  expected = goldenHash(...IMAGES.map((image) => model.runSync(Uint8Array.from(image))[model.outputs[0].name]));
  model.dispose();
  if (!skip) browser = await launch(["--js-flags=--expose-gc"]);
});
after(async () => {
  await browser?.close();
  await Promise.all(servers.map((server) => server.stop()));
});

/** A page of the repository under the headers asked for. */
async function open(options) {
  const server = await serveRepository(options);
  servers.push(server);
  const page = await browser.newPage();
  await page.goto(server.address + PAGE);
  return page;
}

/** Loads in the page, runs all images and tells about the model. */
function measure(page, options, door = "index.js") {
  return page.evaluate(
    async ([model, images, settings, file]) => {
      const { goldenHash: hash } = await import("/dist/runtime/index.js");
      const { Model: Here, WorkerModel } = await import(`/dist/runtime/${file}`);
      const loaded = await (Here ?? WorkerModel).load(model, settings);
      const logits = [];
      for (const image of images) logits.push((await loaded.run(Uint8Array.from(image)))[loaded.outputs[0].name]);
      const { executor, threads } = loaded;
      loaded.dispose();
      return { hash: hash(...logits), executor, threads };
    },
    [MODEL, IMAGES, options, door],
  );
}

browserTest("an isolated page has threads, and the hash of Node", async () => {
  const page = await open({ isolated: true, policy: STRICT });
  assert.deepEqual(await measure(page, { threads: 2 }), { hash: expected, executor: "wasm", threads: 2 });
  assert.deepEqual(await measure(page, { threads: 2 }, "worker-model/remote.js"), {
    hash: expected,
    executor: "wasm",
    threads: 2,
  });
});

browserTest("a page that is not isolated runs on one thread and says so", async () => {
  const page = await open({});
  assert.deepEqual(await measure(page, { threads: 2 }), { hash: expected, executor: "wasm", threads: 1 });
  assert.deepEqual(await measure(page, {}, "worker-model/remote.js"), { hash: expected, executor: "wasm", threads: 1 });
});

browserTest("a policy without wasm-unsafe-eval leaves the plain executor, with the same hash", async () => {
  const page = await open({ policy: NO_WASM });
  assert.deepEqual(await measure(page, {}), { hash: expected, executor: "plain", threads: 1 });
  const code = await page.evaluate(async (model) => {
    const { Model: Here } = await import("/dist/runtime/index.js");
    return Here.load(model, { executor: "wasm" }).catch((error) => error.code);
  }, MODEL);
  assert.equal(code, "UNSUPPORTED");
});

browserTest("every kind of picture gives what its pixels give", async () => {
  const page = await open({ policy: STRICT });
  const found = await page.evaluate(async (model) => {
    const { Model: Here } = await import("/dist/runtime/index.js");
    const { WorkerModel } = await import("/dist/runtime/worker-model/remote.js");
    const here = await Here.load(model);
    const there = await WorkerModel.load(model);
    const [output] = here.outputs;
    const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const grey = Uint8Array.from({ length: 784 }, (_, i) => (i * 31) & 255);
    const pixels = context.createImageData(28, 28);
    grey.forEach((value, i) => {
      pixels.data.set([value, value, value, 255], 4 * i);
    });
    context.putImageData(pixels, 0, 0);
    const offscreen = new OffscreenCanvas(28, 28);
    offscreen.getContext("2d").putImageData(pixels, 0, 0);
    const image = new Image();
    image.src = canvas.toDataURL();
    await image.decode().catch(() => {});
    const kinds = {
      pixels: () => grey.slice(),
      ImageData: () => new ImageData(pixels.data.slice(), 28, 28),
      HTMLCanvasElement: () => canvas,
      OffscreenCanvas: () => offscreen,
      ImageBitmap: () => createImageBitmap(canvas),
      VideoFrame: () => new VideoFrame(canvas, { timestamp: 0 }),
      named: () => ({ [here.inputs[0].name]: canvas }),
    };
    const results = {};
    for (const [kind, make] of Object.entries(kinds)) {
      const first = here.runSync(await make())[output.name];
      const second = (await there.run(await make()))[output.name];
      results[kind] = [first.join(), second.join()];
    }
    // larger than the input and not square: the middle part, smoothed
    const wide = new OffscreenCanvas(56, 30);
    const paint = wide.getContext("2d");
    paint.fillStyle = "#fff";
    paint.fillRect(0, 0, 13, 30);
    const empty = new Float32Array(784).fill(
      (0 - here.inputs[0].normalization.mean[0]) / here.inputs[0].normalization.std[0],
    );
    const video = document.createElement("video");
    const refused = (picture) => {
      try {
        here.runSync(picture);
        return "ran";
      } catch (error) {
        return error.code;
      }
    };
    const answer = {
      results,
      middle: [here.runSync(wide)[output.name].join(), here.runSync(empty)[output.name].join()],
      zero: [refused(new OffscreenCanvas(0, 5)), refused(video), refused(new Image())],
      usable: here.runSync(grey)[output.name].join() === results.pixels[0],
    };
    here.dispose();
    there.dispose();
    return answer;
  }, MODEL);
  const [truth] = found.results.pixels;
  for (const [kind, results] of Object.entries(found.results)) assert.deepEqual(results, [truth, truth], kind);
  assert.equal(found.middle[0], found.middle[1]);
  assert.deepEqual(found.zero, ["BAD_DATA", "BAD_DATA", "BAD_DATA"]);
  assert.ok(found.usable);
});

browserTest(
  "a picture's file, blob and address give what the picture gives, and outputs know their sizes",
  async () => {
    const page = await open({ policy: `${STRICT}; img-src 'self' data: blob:; connect-src 'self' data: blob:` });
    await page.route("**/no-picture", (route) => route.fulfill({ body: "<!doctype html>", contentType: "text/html" }));
    const found = await page.evaluate(async (model) => {
      const { Model: Here, topK } = await import("/dist/runtime/index.js");
      const { WorkerModel } = await import("/dist/runtime/worker-model/remote.js");
      const canvas = new OffscreenCanvas(60, 28);
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(24, 4, 6, 20);
      const blob = await canvas.convertToBlob();
      const address = URL.createObjectURL(blob);
      const runners = [await Here.load(model), await WorkerModel.load(model)];
      const [{ name }] = runners[0].inputs;
      const results = new Set([runners[0].runSync(canvas)[runners[0].outputs[0].name].join()]);
      const errors = [];
      for (const runner of runners) {
        const [output] = runner.outputs;
        for (const picture of [blob, new File([blob], "one.png"), address, new URL(address), { [name]: blob }]) {
          const values = (await runner.run(picture))[output.name];
          results.add(values.join());
          results.add(`${values.dims}`);
        }
        for (const wrong of [new Blob(["no picture"]), "/no-picture", "/missing", blob.slice(0, 60)]) {
          errors.push(await runner.run(wrong).catch(({ code, message }) => `${code} ${message}`));
        }
        const top = topK((await runner.run(blob))[output.name], 2, runner.labels);
        results.add(`${top.length} ${top[0].share >= top[1].share}`);
        runner.dispose();
      }
      return { results: [...results], errors };
    }, MODEL);
    assert.equal(found.results.length, 3);
    assert.deepEqual(found.results.slice(1), ["1,10", "2 true"]);
    const patterns = [
      /^BAD_DATA input .*JPEG/,
      /^BAD_DATA .*no-picture.*text\/html/,
      /^NETWORK .*status 404/,
      /^BAD_DATA/,
    ];
    assert.equal(found.errors.length, 8);
    for (const [i, error] of found.errors.entries()) assert.match(error, patterns[i % 4]);
  },
);

browserTest("a playing video is a picture", async () => {
  const page = await open({});
  const sizes = await page.evaluate(async (model) => {
    const { Model: Here } = await import("/dist/runtime/index.js");
    const loaded = await Here.load(model);
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
    const context = canvas.getContext("2d");
    const stream = canvas.captureStream(20);
    const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
    const ticking = setInterval(() => context.fillRect(0, 0, 64, 48), 20);
    await video.play();
    const outputs = loaded.runSync(video);
    clearInterval(ticking);
    loaded.dispose();
    return [video.videoWidth, outputs[loaded.outputs[0].name].length];
  }, MODEL);
  assert.deepEqual(sizes, [64, 10]);
});

browserTest("wrong downloads are told apart in Chromium as in Node", async () => {
  const page = await open({});
  const served = {
    "**/cut": (route) => route.fulfill({ body: bytes.subarray(0, 5000) }),
    "**/page": (route) => route.fulfill({ body: "<!doctype html><title>x</title>", contentType: "text/html" }),
    "**/gone": (route) => route.abort("connectionreset"),
    "**/never": () => {},
  };
  for (const [pattern, answer] of Object.entries(served)) await page.route(pattern, answer);
  const codes = await page.evaluate(async () => {
    const { Model: Here } = await import("/dist/runtime/index.js");
    const { WorkerModel } = await import("/dist/runtime/worker-model/remote.js");
    const found = {};
    for (const [name, door] of [
      ["here", Here],
      ["worker", WorkerModel],
    ]) {
      const codeOf = (url, options) =>
        door.load(url, options).then(
          () => "loaded",
          (error) => error.code,
        );
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 50);
      found[name] = [
        await codeOf("/missing"),
        await codeOf("/page"),
        await codeOf("/cut"),
        await codeOf("/gone"),
        await codeOf("/never", { signal: stop.signal }),
        await codeOf("/examples/models/mnist-shift.safetensors", { memoryLimit: 1000 }),
      ];
    }
    return found;
  });
  const codes5 = ["NETWORK", "BAD_FILE", "TRUNCATED", "NETWORK", "ABORTED", "OVERFLOW"];
  assert.deepEqual(codes, { here: codes5, worker: codes5 });
});

browserTest(
  "1,000 cycles of load, run and dispose do not grow Chromium",
  {
    skip: skip || process.platform !== "linux",
  },
  async () => {
    const page = await open({});
    const session = await browser.newBrowserCDPSession();
    const cycles = (count) =>
      page.evaluate(
        async ([model, n]) => {
          const { Model: Here } = await import("/dist/runtime/index.js");
          globalThis.file ??= new Uint8Array(await (await fetch(model)).arrayBuffer());
          for (let i = 0; i < n; i++) {
            const loaded = await Here.load(globalThis.file);
            loaded.runSync(new Uint8Array(784));
            loaded.dispose();
          }
          for (let i = 0; i < 3; i++) {
            globalThis.gc();
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        },
        [MODEL, count],
      );
    /** Bytes resident in all renderers. */
    const resident = async () => {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      const sizes = processInfo
        .filter(({ type }) => type === "renderer")
        .map(({ id }) => Number(readFileSync(`/proc/${id}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) * 1024);
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    await cycles(200);
    const first = await resident();
    await cycles(1000);
    const second = await resident();
    // 1,000 memories of two pages each would be 131 MB
    assert.ok(second - first < 40e6, `${first} to ${second} bytes`);
  },
);

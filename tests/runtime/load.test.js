import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { getEventListeners } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { goldenHash } from "../../dist/format/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { convModel, inputsFor } from "../models/random.js";
import { refused } from "./refused.js";

const def = convModel({ shape: [16, 20, 20], channels: 64 });
const file = encodeModel(def);
const zipped = new Uint8Array(gzipSync(file));
const inputs = inputsFor(def);
const PAGE = "<!DOCTYPE html><html><body>Not here, but with status 200</body></html>";

/** Told when the client hangs up. */
const counted = { closed() {} };

let expected;
let server;
let address;
let folder;

before(async () => {
  expected = await hashOf(Model.from(def));
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const send = (bytes, headers = {}) => response.writeHead(200, headers).end(bytes);
    const half = file.subarray(0, file.length / 2);
    switch (pathname) {
      case "/model":
        return send(file, { "content-length": file.length });
      case "/chunked":
        response.writeHead(200);
        response.write(file.subarray(0, 1));
        return setTimeout(() => response.end(file.subarray(1)), 20);
      case "/model.gz":
        return send(zipped, { "content-length": zipped.length });
      case "/gz-byte-by-byte":
        response.writeHead(200);
        response.write(zipped.subarray(0, 1));
        return setTimeout(() => response.end(zipped.subarray(1)), 20);
      case "/encoded":
        return send(zipped, { "content-encoding": "gzip", "content-length": zipped.length });
      case "/page":
        return send(PAGE, { "content-type": "text/html" });
      case "/cut":
        response.writeHead(200, { "content-length": file.length });
        response.write(half);
        return setTimeout(() => response.destroy(), 20);
      case "/short":
        return send(half);
      case "/short.gz":
        return send(zipped.subarray(0, zipped.length / 2));
      case "/counted":
        response.on("close", () => counted.closed());
        response.writeHead(200, { "content-length": file.length });
        return response.write(half);
      case "/slow":
        response.writeHead(200, { "content-length": file.length });
        return response.write(half);
      default:
        return response.writeHead(404).end(PAGE);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${server.address().port}`;
  folder = await mkdtemp(join(tmpdir(), "shiftwise-load-"));
});

after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function hashOf(loading) {
  const model = await loading;
  const hash = goldenHash(model.runSync(inputs).y);
  model.dispose();
  return hash;
}

test("every kind of source gives the same model", async () => {
  const path = join(folder, "model.safetensors");
  await writeFile(path, file);
  await writeFile(`${path}.gz`, zipped);
  const sources = [
    file,
    file.slice().buffer,
    zipped,
    zipped.slice().buffer,
    new Blob([file]),
    new Blob([zipped]),
    new Response(file),
    new Response(zipped),
    `${address}/model`,
    new URL(`${address}/model.gz`),
    `${address}/chunked`,
    `${address}/gz-byte-by-byte`,
    `${address}/encoded`,
    path,
    relative(process.cwd(), path),
    pathToFileURL(path),
    pathToFileURL(`${path}.gz`).href,
  ];
  for (const [i, source] of sources.entries()) assert.equal(await hashOf(Model.load(source)), expected, `source ${i}`);
});

test("progress counts the bytes that come in", async () => {
  const seen = async (source) => {
    const heard = [];
    (await Model.load(source, { onProgress: (progress) => heard.push(progress) })).dispose();
    for (const [i, { loaded }] of heard.entries()) assert.ok(loaded > (heard[i - 1]?.loaded ?? 0));
    return heard.at(-1);
  };
  assert.deepEqual(await seen(`${address}/model`), { loaded: file.length, total: file.length });
  assert.deepEqual(await seen(`${address}/model.gz`), { loaded: zipped.length, total: zipped.length });
  assert.deepEqual(await seen(`${address}/chunked`), { loaded: file.length, total: null });
  assert.deepEqual(await seen(`${address}/encoded`), { loaded: file.length, total: null });
  assert.deepEqual(await seen(new Blob([zipped])), { loaded: zipped.length, total: zipped.length });
  assert.deepEqual(await seen(file), { loaded: file.length, total: file.length });
});

test("a model that is not there, a page in its place and a cut download are told apart", async () => {
  const missing = await refused(`${address}/nothing`);
  assert.deepEqual([missing.code, missing.found, missing.where], ["NETWORK", "status 404", `${address}/nothing`]);
  const page = await refused(`${address}/page`);
  assert.equal(page.code, "BAD_FILE");
  assert.match(page.message, /web page/);
  for (const head of [
    [0xff, 0xd8, 0xff, 0xe0],
    [...Buffer.from("\x89PNG\r\n", "latin1")],
    [...Buffer.from("GIF89a")],
  ]) {
    const picture = await refused(Uint8Array.from({ length: 40 }, (_, i) => head[i] ?? 1));
    assert.equal(picture.code, "BAD_FILE");
    assert.match(picture.message, /a picture.* came instead of a model/);
  }
  const settings = await refused(new TextEncoder().encode('{\n  "name": "app",\n  "version": "1.0.0"\n}'));
  assert.doesNotMatch(settings.message, /\n/);
  assert.equal((await refused(`${address}/cut`)).code, "NETWORK");
  assert.equal((await refused(`${address}/short`)).code, "TRUNCATED");
  assert.equal((await refused(`${address}/short.gz`)).code, "TRUNCATED");
  assert.equal((await refused("http://127.0.0.1:1/")).code, "NETWORK");
  assert.equal((await refused(pathToFileURL(join(folder, "nothing")))).code, "IO");
  assert.equal((await refused(new Uint8Array(0))).code, "TRUNCATED");
  assert.equal((await refused(new Response(null))).code, "TRUNCATED");
  const damaged = zipped.slice();
  damaged.fill(0xff, 30, 60);
  assert.equal((await refused(damaged)).code, "TRUNCATED");
  const cutByProxy = new Response(file.subarray(0, 1000), { headers: { "content-length": String(file.length) } });
  assert.equal((await refused(cutByProxy)).code, "NETWORK");
});

test("a load is stopped before, while and after bytes come", async () => {
  assert.equal((await refused(file, { signal: AbortSignal.abort() })).code, "ABORTED");
  for (const source of [`${address}/slow`, await fetch(`${address}/slow`)]) {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    assert.equal((await refused(source, { signal: stop.signal, onProgress })).code, "ABORTED");
  }
  const waiting = new AbortController();
  setTimeout(() => waiting.abort(), 30);
  assert.equal((await refused(`${address}/slow`, { signal: waiting.signal })).code, "ABORTED");
});

test("what a listener of the download throws is handed on as it is, and the download ends", async () => {
  const mine = new TypeError("mine");
  const onProgress = () => {
    throw mine;
  };
  const sources = () => [file.slice(), zipped.slice(), new Blob([file]), new Response(file), `${address}/model`];
  for (const door of [Model, WorkerModel]) {
    for (const source of sources()) {
      const error = await door.load(source, { onProgress }).catch((reason) => reason);
      assert.equal(error, mine, `${door.name}: ${error}`);
    }
    const hungUp = new Promise((resolve) => {
      counted.closed = resolve;
    });
    assert.equal(await door.load(`${address}/counted`, { onProgress }).catch((reason) => reason), mine);
    await hungUp;
    const thrown = await door
      .load(file.slice(), {
        onProgress() {
          throw undefined;
        },
      })
      .then(
        () => assert.fail("it loaded"),
        (reason) => reason,
      );
    assert.equal(thrown, undefined);
  }
});

test("bytes and Responses of other realms and libraries are sources, and shared memory is copied", async () => {
  const foreign = (type) => runInNewContext(`${type}.from(bytes)`, { bytes: [...file] });
  const shared = new Uint8Array(new SharedArrayBuffer(file.length));
  shared.set(file);
  const sharedZip = new Uint8Array(new SharedArrayBuffer(zipped.length));
  sharedZip.set(zipped);
  const part = new Uint8Array(file.length + 9).subarray(3, 3 + file.length);
  part.set(file);
  class Bytes extends Uint8Array {
    get length() {
      return 3;
    }
  }
  const answer = { ok: true, status: 200, headers: new Headers(), body: new Blob([zipped]).stream() };
  const sources = [
    () => foreign("Uint8Array"),
    () => foreign("Uint8Array").buffer,
    () => shared,
    () => shared.buffer,
    () => sharedZip,
    () => part,
    () => new Bytes(file),
    () => Buffer.from(file),
    () => Object.assign({}, answer, { body: new Blob([zipped]).stream() }),
    () => ({ href: `${address}/model` }),
  ];
  for (const [i, make] of sources.entries()) {
    assert.equal(await hashOf(Model.load(make())), expected, `source ${i}`);
    const there = await WorkerModel.load(make());
    assert.equal(goldenHash((await there.run({ x: inputs.x.slice() })).y), expected, `source ${i}`);
    there.dispose();
  }
  assert.deepEqual([part.length, shared.length], [file.length, file.length]);
});

test("what is no source is refused shortly", async () => {
  const gone = file.slice();
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  const long = "model/".repeat(20_000);
  const wrong = [
    ["BAD_OPTION", [undefined, null, 3, 3n, Symbol("s"), true, {}, [], [...file], () => file, new Map()]],
    ["BAD_OPTION", [Promise.resolve(file), new Float32Array(file.buffer.slice(0, 400)), new DataView(file.buffer)]],
    ["BAD_DATA", [gone, gone.buffer]],
    ["NETWORK", ["", "http://", "nowhere:x", `nowhere:${long}`]],
    ["IO", ["nothing.safetensors", "/nothing.safetensors", "./nothing", long]],
    ["BAD_FILE", [`data:,${long}`, new Uint8Array(1e6), "data:text/html,<!doctype html>"]],
  ];
  for (const [code, sources] of wrong) {
    for (const source of sources) {
      const error = await refused(source);
      assert.equal(error.code, code, error.message);
      assert.ok(error.message.length < 800, `${error.message.length} characters`);
      assert.ok(String(error.stack).length < 4000);
      const there = await WorkerModel.load(source).catch((reason) => reason);
      if (source !== gone.buffer) assert.deepEqual([there.code, there.message], [error.code, error.message]);
    }
  }
  assert.match(
    (await refused("./nothing.safetensors")).message,
    /nothing\.safetensors: cannot read the model; found no such file or directory$/,
  );
  assert.match((await refused("http://127.0.0.1:1/")).message, /fetch failed: /);
});

test("a path that is no regular file is refused, and waits for nobody", async () => {
  const pipe = join(folder, "pipe");
  const paths = [pathToFileURL(folder).href];
  if (process.platform === "linux") {
    execFileSync("mkfifo", [pipe]);
    paths.push("file:///dev/zero", "file:///dev/null", pathToFileURL(pipe).href);
  }
  for (const path of paths) {
    const error = await refused(path);
    assert.deepEqual([error.code, error.where, error.found], ["IO", path, "no regular file"]);
  }
});

/** A stream that gives a part of the file and then nothing, whatever is asked of it. */
const stalling = (bytes) =>
  new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    pull: () => new Promise(() => {}),
    cancel: () => new Promise(() => {}),
  });

test("a load is stopped at once, whatever it waits for, and leaves no listener behind", async () => {
  const sources = {
    bytes: () => file.slice(),
    gzip: () => zipped.slice(),
    blob: () => new Blob([file]),
    response: () => new Response(file),
    file: () => pathToFileURL(join(folder, "model.safetensors")),
    slow: () => `${address}/slow`,
    stalling: () => new Response(stalling(file.slice(0, 100))),
    "stalling gzip": () => new Response(stalling(zipped.slice(0, 100))),
    // a body whose reading settles never, not even when it is cancelled
    deaf: () => ({
      ok: true,
      status: 200,
      headers: new Headers(),
      body: { getReader: () => ({ read: () => new Promise(() => {}), cancel: () => new Promise(() => {}) }) },
    }),
  };
  await writeFile(join(folder, "model.safetensors"), file);
  const stop = async (door, name, options, stopper) => {
    await assert.rejects(
      door.load(sources[name](), { ...options, signal: stopper.signal }),
      { code: "ABORTED" },
      `${door.name}, ${name}`,
    );
    assert.deepEqual(getEventListeners(stopper.signal, "abort"), [], `${door.name}, ${name}`);
  };
  for (const door of [Model, WorkerModel]) {
    for (const name of Object.keys(sources)) {
      if (name !== "deaf") {
        const listening = new AbortController();
        await stop(door, name, { onProgress: () => listening.abort() }, listening);
      }
      const soon = new AbortController();
      if (["slow", "stalling", "stalling gzip", "deaf"].includes(name)) setTimeout(() => soon.abort(), 20);
      else soon.abort();
      await stop(door, name, {}, soon);
    }
    const kept = new AbortController();
    (await door.load(file.slice(), { signal: kept.signal })).dispose();
    assert.deepEqual(getEventListeners(kept.signal, "abort"), []);
  }
});

test("a load is stopped while its kernels and threads are made", async () => {
  for (const threads of [1, 2]) {
    for (const ticks of [1, 2, 4, 8, 16]) {
      const stop = new AbortController();
      const loading = Model.load(file.slice(), { threads, signal: stop.signal });
      for (let i = 0; i < ticks; i++) await null;
      stop.abort();
      const outcome = await loading.catch((error) => error.code);
      // it may have been made before
      if (outcome !== "ABORTED") outcome.dispose();
      assert.ok(outcome === "ABORTED" || ticks > 1, `${ticks} ticks`);
      assert.deepEqual(getEventListeners(stop.signal, "abort"), []);
    }
  }
});

test("a stream that is none of bytes, or breaks, is a failed download", async () => {
  const streaming = (start) => new Response(new ReadableStream({ start }));
  const wrong = {
    text: () => streaming((controller) => controller.enqueue("text")),
    floats: () => streaming((controller) => controller.enqueue(new Float32Array(9))),
    broken: () => streaming((controller) => controller.error(new Error("broken"))),
    used: () => {
      const response = new Response(file);
      response.arrayBuffer();
      return response;
    },
    "no stream": () => ({ ok: true, status: 200, headers: new Headers(), body: file }),
  };
  for (const [name, make] of Object.entries(wrong)) {
    assert.equal((await refused(make())).code, "NETWORK", name);
    await assert.rejects(WorkerModel.load(make()), { code: "NETWORK" }, name);
  }
});

// gzip.test.js: packed models: no more is unpacked than the header declares and the limit allows, and no gzip file is taken
// for another than it is.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { convModel } from "../models/random.js";
import { refused } from "./refused.js";

const file = encodeModel(convModel({ shape: [16, 20, 20], channels: 64 }));
const zipped = gzipSync(file);
const MIB = 2 ** 20;
const GZIP_HEADER = Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);

/** A gzip stream that begins with `bytes` and goes on with zeros for about `count` MiB: 1 KB each. */
function bomb(bytes, count) {
  const part = (data) => deflateRawSync(data, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const zeros = part(Buffer.alloc(MIB));
  return Buffer.concat([GZIP_HEADER, part(bytes), ...Array(count).fill(zeros), Buffer.of(3, 0)]);
}

/** The beginning of a file that declares one tensor of so many bytes. */
function declaring(bytes) {
  const header = JSON.stringify({ x: { dtype: "U8", shape: [bytes], data_offsets: [0, bytes] } });
  const length = Math.ceil(header.length / 8) * 8;
  const start = Buffer.alloc(8);
  start.writeUInt32LE(length);
  return Buffer.concat([start, Buffer.from(header.padEnd(length))]);
}

let server;
let address;
/** What the server has sent to the client under way. */
let sent = 0;
const routes = {};

before(async () => {
  server = createServer((request, response) => {
    sent = 0;
    response.writeHead(200);
    const pieces = routes[request.url]();
    const send = () => {
      const { done, value } = pieces.next();
      if (done) return response.end();
      sent += value.length;
      return response.write(value, (error) => error || setImmediate(send));
    };
    response.on("error", () => {});
    send();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

test("what unpacks to more than is declared or allowed is refused, and next to nothing of it is unpacked", async () => {
  const small = bomb(file, 1200);
  assert.ok(small.length < 1.5 * MIB);
  const large = bomb(declaring(1.2e9), 1200);
  const before = process.resourceUsage().maxRSS;
  for (const door of [Model, WorkerModel]) {
    const code = (bytes, options) =>
      door.load(new Uint8Array(bytes), options).then(
        () => "loaded",
        (error) => error.code,
      );
    assert.equal(await code(small), "BAD_FILE");
    assert.equal(await code(small, { memoryLimit: MIB }), "OVERFLOW");
    assert.equal(await code(small, { memoryLimit: file.length - 1 }), "OVERFLOW");
    assert.equal(await code(large), "OVERFLOW");
    assert.equal(await code(large, { memoryLimit: MIB }), "OVERFLOW");
    assert.equal(await code(bomb(Buffer.alloc(0), 1200)), "BAD_FILE");
  }
  const grown = (process.resourceUsage().maxRSS - before) * 1024;
  assert.ok(grown < 200 * MIB, `${grown} bytes`);
});

test("the limit is for the file as it is, as it comes, and unpacked", async () => {
  const limited = { memoryLimit: file.length - 1 };
  for (const source of [file, zipped, new Blob([file]), new Blob([zipped]), new Response(file), new Response(zipped)]) {
    const error = await refused(source, limited);
    assert.equal(error.code, "OVERFLOW", error.message);
    assert.match(error.message, /at most \d+ bytes, or a higher memoryLimit/);
  }
});

test("a download stops where the file ends, where the limit is, and where a gzip stream packs nothing", async () => {
  const endless = function* (start, filling) {
    yield start;
    for (;;) yield filling;
  };
  routes["/behind"] = () => endless(file, Buffer.alloc(65536));
  routes["/nothing"] = () => endless(Buffer.alloc(0), Buffer.alloc(65536));
  routes["/declared"] = () => endless(declaring(2 ** 31 - 1), Buffer.alloc(65536));
  // stored blocks of no bytes
  const empty = Buffer.concat(Array(8192).fill(Buffer.of(0, 0, 0, 0xff, 0xff)));
  routes["/packed"] = () => endless(GZIP_HEADER, empty);
  routes["/name"] = () => endless(Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3), Buffer.alloc(65536, 0x61));
  const codes = {};
  for (const route of ["/behind", "/nothing", "/declared", "/packed", "/name"]) {
    codes[route] = (await refused(address + route)).code;
    assert.ok(sent < 64 * MIB, `${route}: ${sent} bytes`);
    // only a Response that somebody else has begun
    const response = await fetch(address + route);
    assert.equal((await refused(response)).code, codes[route]);
    await assert.rejects(WorkerModel.load(address + route), { code: codes[route] });
    await assert.rejects(WorkerModel.load(await fetch(address + route)), { code: codes[route] });
  }
  assert.deepEqual(codes, {
    "/behind": "BAD_FILE",
    "/nothing": "BAD_FILE",
    "/declared": "OVERFLOW",
    "/packed": "BAD_FILE",
    "/name": "BAD_FILE",
  });
});

/** A member without content as the gzip command writes it: with a name, and here in blocks of both kinds. */
const NAMED = Buffer.concat([
  Buffer.from([0x1f, 0x8b, 8, 0x08, 0, 0, 0, 0, 0, 3]),
  Buffer.from("empty.txt\0"),
  Buffer.from([0, 0, 0, 0xff, 0xff, 0x03, 0x00]),
  Buffer.alloc(8),
]);

test("other bytes behind a gzip stream, and several members, are refused", async () => {
  const whole = Uint8Array.from(zipped);
  const half = file.length >> 1;
  const wrong = {
    "a byte": [whole, Buffer.of(7)],
    zeros: [whole, Buffer.alloc(100)],
    text: [whole, Buffer.from("and so on")],
    "many bytes": [whole, Buffer.alloc(100_000, 7)],
    "itself again": [whole, whole],
    "an empty member before": [gzipSync(Buffer.alloc(0)), whole],
    "an empty member of stored blocks before": [gzipSync(Buffer.alloc(0), { level: 0 }), whole],
    "an empty member with a name before": [NAMED, whole],
    "empty members on both sides": [NAMED, NAMED, whole, NAMED],
    "an empty member": [whole, gzipSync(Buffer.alloc(0))],
    "another member": [whole, gzipSync(Buffer.from("more"))],
    "half and half": [gzipSync(file.subarray(0, half)), gzipSync(file.subarray(half))],
    "the beginning of a member": [whole, GZIP_HEADER],
  };
  for (const [name, parts] of Object.entries(wrong)) {
    const bytes = new Uint8Array(Buffer.concat(parts));
    for (const source of [bytes, new Blob([bytes]), new Response(bytes)]) {
      const { code, message } = await refused(source);
      assert.ok(["BAD_FILE", "TRUNCATED"].includes(code), `${name}: ${message}`);
    }
  }
});

test("a stream that is cut anywhere is refused, and so is one with a changed byte", async () => {
  for (let at = 2; at < zipped.length; at += Math.max(1, Math.floor(at / 9))) {
    assert.equal((await refused(new Uint8Array(zipped.subarray(0, at)))).code, "TRUNCATED", `cut at ${at}`);
  }
  for (const at of [zipped.length - 1, zipped.length - 4, zipped.length - 5, zipped.length - 8]) {
    const bytes = Uint8Array.from(zipped);
    bytes[at] ^= 1;
    assert.ok(["TRUNCATED", "BAD_FILE"].includes((await refused(bytes)).code), `changed at ${at}`);
  }
  assert.equal((await refused(Uint8Array.of(0x1f, 0x8b))).code, "TRUNCATED");
  assert.equal((await refused(Uint8Array.of(0x1f, 0x8b, 9, ...zipped.subarray(3)))).code, "TRUNCATED");
});

test("where the host cannot unpack, the file is refused with what to do", async () => {
  const { DecompressionStream } = globalThis;
  delete globalThis.DecompressionStream;
  try {
    const error = await refused(new Uint8Array(zipped));
    assert.equal(error.code, "UNSUPPORTED");
    assert.match(error.message, /the file unpacked/);
    (await Model.load(file)).dispose();
  } finally {
    globalThis.DecompressionStream = DecompressionStream;
  }
});

// relay.test.js: a Response that is read on one side of a port and loaded on the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openRelay, unpackResponse } from "../../dist/runtime/worker-model/relay.js";

test("a Response comes through the port piece by piece", async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
  const { parcel, close } = openRelay(new Response(bytes), "here");
  const found = new Uint8Array(await new Response(unpackResponse(parcel).body).arrayBuffer());
  close();
  assert.deepEqual(found, bytes);
});

test("a piece that is on its way when nobody wants it any more is dropped", async () => {
  let waiting = null;
  const port = {
    onmessage: null,
    postMessage() {
      waiting = this.onmessage;
    },
    close() {},
  };
  const { body } = unpackResponse({ ok: true, status: 200, url: "", headers: {}, port });
  const reader = body.getReader();
  const read = reader.read();
  await new Promise(setImmediate);
  assert.ok(waiting);
  await reader.cancel();
  assert.deepEqual(await read, { done: true, value: undefined });
  assert.equal(port.onmessage, null);
});

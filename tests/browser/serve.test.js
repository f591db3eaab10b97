// serve.test.js: npm run examples, as a shell runs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../examples/serve.js", import.meta.url));

test("the pages are served with the headers that they need, and a port in use is told", async () => {
  const child = spawn(process.execPath, [program, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface(child.stdout), "line");
  const address = line.match(/http:\/\/localhost:\d+/)[0];
  const page = await fetch(`${address}/draw/`);
  assert.match(await page.text(), /Draw a digit/);
  assert.equal(page.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.match(page.headers.get("content-security-policy"), /script-src 'self' 'wasm-unsafe-eval';/);
  assert.equal((await fetch(`${address}/models/nothing.safetensors`)).status, 404);
  child.kill();
  await once(child, "exit");

  const other = createServer();
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  const late = spawn(process.execPath, [program, "--port", String(other.address().port)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [[told], [status]] = await Promise.all([once(createInterface(late.stderr), "line"), once(late, "exit")]);
  assert.match(told, /EADDRINUSE.*--port/);
  assert.equal(status, 1);
  other.close();
});

// service.js: pictures by HTTP, answers in JSON: POST /classify with a JPEG, PNG or WebP; GET /health.
// Usage: node examples/service/service.js [model] [--port 8080] [--workers 2] [--waiting 16]
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { topK } from "shiftwise";
import { readPicture } from "shiftwise/node";
import { isOfDeadWorker, openPool } from "./pool.js";

/** Bytes of the largest picture that is taken. */
const LARGEST = 8_000_000;
/** Milliseconds that a visitor may take to send one. */
const PATIENCE = 10_000;

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts the service.
 * @returns the address, the pool, and how to stop: nothing new is taken, and what was begun is answered
 */
export async function startService(source, { port = 0, host = "127.0.0.1", workers, waiting } = {}) {
  const pool = await openPool(source, { workers, waiting });
  const server = createServer((request, response) => {
    handle(request, response, pool).catch((error) => answer(response, ...failureOf(error)));
  });
  server.requestTimeout = PATIENCE;
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    address: `http://${host}:${server.address().port}`,
    pool,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
      pool.close();
    },
  };
}

async function handle(request, response, pool) {
  const { method, url } = request;
  if (method === "GET" && url === "/health") {
    answer(response, 200, pool.load());
    return;
  }
  if (url !== "/classify") throw new Refused(404, "there are POST /classify and GET /health");
  if (method !== "POST") throw new Refused(405, "send the picture's bytes with POST");
  // a visitor who has gone waits for nothing
  const gone = new AbortController();
  response.once("close", () => response.writableFinished || gone.abort());
  const result = await pool.enter(async (run) => {
    const pixels = await readPicture(await bodyOf(request), pool.inputs[0]);
    const outputs = await run(pixels);
    return topK(outputs[pool.outputs[0].name], 5, pool.labels);
  }, gone.signal);
  answer(response, 200, result);
}

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LARGEST) throw new Refused(413, `a picture may have ${LARGEST} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Status and body for an error: whose fault it is, and what to do. */
function failureOf(error) {
  if (error.code === "BUSY") return [503, { error: error.message }, { "Retry-After": "1" }];
  if (isOfDeadWorker(error)) return [503, { error: "a worker has ended: send this once more" }, { "Retry-After": "1" }];
  if (error instanceof Refused) return [error.status, { error: error.message }];
  if (error.code === "BAD_DATA" || error.code === "BAD_OPTION") return [400, { error: error.message }];
  return [500, { error: "this cannot be answered" }];
}

function answer(response, status, body, headers = {}) {
  if (response.destroyed || response.headersSent) return;
  // of a picture that was refused the rest is not waited for
  if (status >= 400) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(`${JSON.stringify(body)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: "string", default: "8080" },
      workers: { type: "string", default: "2" },
      waiting: { type: "string", default: "16" },
    },
  });
  const [source = fileURLToPath(new URL("../models/mnist-shift.safetensors", import.meta.url))] = positionals;
  const [port, workers, waiting] = [values.port, values.workers, values.waiting].map(Number);
  const { address, stop } = await startService(source, { port, workers, waiting });
  console.log(`curl --data-binary @picture.jpg ${address}/classify`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
}

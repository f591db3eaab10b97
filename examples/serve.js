// serve.js: npm run examples: builds the pages and serves them.
import { parseArgs } from "node:util";
import { buildPages } from "./build.js";
import { servePages } from "./server.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    // without it pages cannot share memory, and models run on one thread
    "no-isolation": { type: "boolean", default: false },
  },
});
const folder = await buildPages();
try {
  const { address } = await servePages(folder, { port: Number(values.port), isolated: !values["no-isolation"] });
  console.log(`pages at ${address} (Ctrl-C ends)`);
} catch (error) {
  console.error(
    `cannot serve on port ${values.port}: ${error.message}; choose another: npm run examples -- --port 3000`,
  );
  process.exitCode = 1;
}

// chromium.js: a headless Chromium and a local server for the browser tests, or the reason why there is none.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import sirv from "sirv";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM_PATH ?? CANDIDATES.find((path) => existsSync(path));

/** False where there is a browser, else why the tests are skipped. */
export const skip = executablePath
  ? false
  : "no Chromium on this machine (set CHROMIUM_PATH, or install Debian's chromium)";

/** Registers a test where there is a browser, and nothing elsewhere: golden.test.js says in one line what is left out. */
export const browserTest = skip ? () => {} : test;

/**
 * Serves a folder on a free port.
 * @param options.isolated sends what cross-origin isolation, and so shared memory, takes
 * @param options.policy Content-Security-Policy
 * @param options.receive called with the body of what a page posts, whatever the address
 * @returns its address and how to stop it
 */
export async function serve(folder, { isolated = false, policy, receive } = {}) {
  const setHeaders = (response) => {
    if (policy) response.setHeader("Content-Security-Policy", policy);
    if (!isolated) return;
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  };
  const handler = sirv(folder, { dev: true, dotfiles: false, setHeaders });
  const server = createServer(async (request, response) => {
    if (receive && request.method === "POST") {
      receive(await text(request));
      response.writeHead(204).end();
      return;
    }
    // browsers ask for an icon on their own; that there is none is no error of a page
    handler(request, response, () => response.writeHead(request.url === "/favicon.ico" ? 204 : 404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves the repository. */
export function serveRepository(options) {
  return serve(fileURLToPath(new URL("../../", import.meta.url)), options);
}

export function launch(args = []) {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}

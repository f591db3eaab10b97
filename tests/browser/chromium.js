// chromium.js: a headless Chromium and a local server for the browser tests, or the reason why there is none.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import sirv from "sirv";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM_PATH ?? CANDIDATES.find((path) => existsSync(path));

/** False where there is a browser, else why the tests are skipped. */
export const skip = executablePath
  ? false
  : "no Chromium on this machine (set CHROMIUM_PATH, or install Debian's chromium)";

/** Serves the repository on a free port. Returns its address and how to stop it. */
export async function serveRepository() {
  const handler = sirv(fileURLToPath(new URL("../../", import.meta.url)), { dev: true, dotfiles: false });
  const server = createServer((request, response) => {
    handler(request, response, () => response.writeHead(404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

export function launch() {
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
    ],
  });
}

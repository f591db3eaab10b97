// server.js: a static server with the headers that the pages want.
import { createServer } from "node:http";
import sirv from "sirv";

/** No code from text, nothing from elsewhere; WebAssembly is allowed. Pictures may be those that the visitor dropped. */
export const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; media-src 'self' blob:";

/** Makes a page cross-origin isolated, which threads need. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
export const HEADERS = { "Content-Security-Policy": POLICY, ...ISOLATION };

/**
 * Serves a folder.
 * @param options.port 0 for any
 * @param options.isolated cross-origin isolation, which threads need
 * @returns the address and how to stop
 */
export async function servePages(folder, { port = 0, isolated = true } = {}) {
  const setHeaders = (response) => {
    const headers = isolated ? HEADERS : { "Content-Security-Policy": POLICY };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  };
  const handler = sirv(folder, { dev: true, setHeaders });
  const server = createServer((request, response) => {
    handler(request, response, () => response.writeHead(404, { "Content-Type": "text/plain" }).end("not found"));
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://localhost:${server.address().port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

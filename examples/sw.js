// sw.js: the service worker: keeps a copy of all pages, so that they work without a network. build.js fills in the names.
const cacheName = CACHE_NAME;
const files = FILE_LIST;
/** Headers that not every host can send: with them pages share memory between threads from the second visit on. */
const isolation = ISOLATION;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(files)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const drop = async () => {
    const old = (await caches.keys()).filter((name) => name !== cacheName);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(drop());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  const answer = async () => {
    const cache = await caches.open(cacheName);
    const known = await cache.match(request, { ignoreSearch: true });
    if (known) return isolated(known);
    const response = await fetch(request);
    // where storage is full the page works all the same
    if (response.ok) await cache.put(request, response.clone()).catch(() => {});
    return isolated(response);
  };
  event.respondWith(answer());
});

function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(isolation)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

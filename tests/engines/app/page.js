// page.js: the measurement in a browser; the page sends what it finds to the server that it came from.
const send = (found) => fetch("/found", { method: "POST", body: JSON.stringify(found) });

try {
  // loaded here, so that an engine that cannot even read the package says so
  const { goldenHash, Model } = await import("./node_modules/shiftwise/dist/runtime/index.js");
  const { WorkerModel } = await import("./node_modules/shiftwise/dist/runtime/worker-model/remote.js");
  const { measure } = await import("./measure.js");
  const names = await (await fetch("/models/names.json")).json();
  const results = await measure({ Model, WorkerModel, goldenHash }, names, (name) => `/models/${name}`);
  await send({ results });
} catch (error) {
  await send({ failure: `${error}\n${error.stack}` });
}

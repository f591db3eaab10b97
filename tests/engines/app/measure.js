// measure.js: what every engine runs: each model in each executor, and the hash of all its outputs over a few images.

/** The ways a model can run, by the names that the table has. */
const WAYS = {
  wasm: { executor: "wasm" },
  worker: {},
  plain: { executor: "plain" },
  threads: { executor: "wasm", threads: 2 },
};
const IMAGES = 4;

/** Values for one input that every engine makes alike: all are small multiples of a power of two. */
export function imageFor({ shape, normalization }, n) {
  const length = shape[0] * shape[1] * shape[2];
  const pixels = Uint8Array.from({ length }, (_, i) => (i * (n + 3) * 7 + (i >> 5)) & 255);
  return normalization ? pixels : Float32Array.from(pixels, (pixel) => (pixel - 96) / 64);
}

/**
 * Hashes what a model gives for the images.
 * @param run takes inputs by name, gives outputs by name or a promise of them
 */
export async function hashOf(goldenHash, { inputs, outputs }, run) {
  const values = [];
  for (let n = 0; n < IMAGES; n++) {
    const images = Object.fromEntries(inputs.map((input) => [input.name, imageFor(input, n)]));
    const found = await run(images);
    for (const { name } of outputs) values.push(found[name]);
  }
  return goldenHash(...values);
}

/**
 * Runs models in every way that the caller has a door for.
 * @param doors `Model` and `goldenHash` of the package, `WorkerModel` where there are Workers
 * @param names of the models
 * @param source gives a name's file as `Model.load` takes it
 * @param options by way, beside its own
 * @returns by model and way: hash, executor and threads, or what was thrown
 */
export async function measure({ Model, WorkerModel, goldenHash }, names, source, options = {}) {
  const results = {};
  for (const name of names) {
    results[name] = {};
    for (const [way, settings] of Object.entries(WAYS)) {
      const door = way === "worker" ? WorkerModel : Model;
      if (!door) continue;
      results[name][way] = await tell(async () => {
        const model = await door.load(source(name), { ...settings, ...options[way] });
        const { executor, threads } = model;
        try {
          return { hash: await hashOf(goldenHash, model, (images) => model.run(images)), executor, threads };
        } finally {
          model.dispose();
        }
      });
    }
  }
  return results;
}

function tell(work) {
  return work().catch((error) => ({ code: error.code ?? error.name, message: String(error.message ?? error) }));
}

// measure.js: what an application does with the package: the demo's model, run in every way there is.

/** @returns hashes of the logits, and what the models say of themselves */
export async function measure({ Model, goldenHash }, { WorkerModel }, source) {
  const images = Array.from({ length: 4 }, (_, n) =>
    Uint8Array.from({ length: 784 }, (_, i) => (i * (n + 3) * 7 + (i >> 5)) & 255),
  );
  const hashOf = async (model) => {
    const logits = [];
    for (const image of images) logits.push((await model.run(image.slice()))[model.outputs[0].name]);
    const { executor, threads } = model;
    model.dispose();
    return { hash: goldenHash(...logits), executor, threads };
  };
  return {
    one: await hashOf(await Model.load(source)),
    two: await hashOf(await Model.load(source, { threads: 2 })),
    plain: await hashOf(await Model.load(source, { executor: "plain" })),
    worker: await hashOf(await WorkerModel.load(source)),
  };
}

// target.js: model and network files with changes that a right checksum covers, and raw ones: refused, or as good as any.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { randomNetwork } from "../../graph/random_networks.js";
import { typed } from "../case.js";
import { assertAgreement } from "../models/agree.js";
import { MODEL, makeModel } from "../models/generate.js";
import { drawReals } from "../models/values.js";
import { workOf } from "../models/work.js";
import { mutateBytes, mutateTree } from "../mutate.js";
import { decodeModel, decodeNetwork, encodeModel, encodeNetwork, lower, Model, packModel } from "../project.js";
import { createDraws, drawFrom, tape } from "../tape.js";
import { putTogether, takeApart } from "./seal.js";

const MEMORY_LIMIT = 64 * 2 ** 20;
/** Products and elements up to which a model is also run in the plain executor. */
const WORK_MOST = 2_000_000;
/** Where a change is made; what lets most files through most often. */
const PLACES = [
  ...new Array(12).fill("graph"),
  "data",
  "data",
  "data",
  "header",
  "header",
  "metadata",
  "raw",
  "raw",
  "gzip",
];
const JUNK = [
  "conv",
  "dense",
  "maxPool",
  "softmax",
  "constant",
  "gather",
  "float32",
  "levels",
  "codebook",
  "codebooks",
  "t",
  "t1",
  "t2",
];

const CASES = fc.record({
  kind: tape(4),
  model: MODEL,
  changes: fc.array(tape(12), { minLength: 1, maxLength: 3 }),
});

function baseOf(kind, model) {
  const draw = drawFrom(kind);
  if (!draw.chance(0.15)) {
    const { def } = makeModel(model);
    return draw.chance(0.3) ? packModel(def) : encodeModel(def);
  }
  const { network, grids } = randomNetwork(draw.below(65536), draw.chance(0.5));
  return encodeNetwork(network, grids ? { grids } : {});
}

/** The bytes of a case. */
function makeFile({ kind, model, changes }) {
  const base = baseOf(kind, model);
  const parts = takeApart(base);
  let own = false;
  const later = [];
  for (const bytes of changes) {
    const draw = drawFrom(bytes);
    const where = draw.pick(PLACES);
    if (where === "graph") mutateTree(draw, parts.graph, JUNK);
    else if (where === "data") parts.data = mutateBytes(draw, parts.data);
    else if (where === "header") mutateTree(draw, parts.header);
    else if (where === "metadata") {
      own = true;
      mutateTree(draw, parts.header.__metadata__ ?? {});
    } else if (where === "raw") later.push((file) => mutateBytes(draw, file));
    else later.push((file) => new Uint8Array(gzipSync(file)));
  }
  return later.reduce((file, change) => change(file), putTogether(parts, own));
}

/** What must hold of any bytes: a typed error, or a model that is one. */
export async function judgeFile(bytes) {
  const loaded = await typed(() => Model.load(bytes, { memoryLimit: MEMORY_LIMIT }));
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const network = await typed(() => decodeNetwork(bytes));
  if (network.value) return judgeNetwork(network.value);
  if (loaded.code === "OVERFLOW" || isGzip) {
    loaded.value?.dispose();
    return `model: ${loaded.code ?? "loaded"}`;
  }
  const read = await typed(() => decodeModel(bytes));
  assert.equal(read.code, loaded.code, "loading and reading differ");
  if (read.code) return `model: ${read.code}`;
  loaded.value.dispose();
  return judgeModel(read.value);
}

async function judgeModel(def) {
  const again = decodeModel(encodeModel(def));
  if (!isDeepStrictEqual(again, def)) assert.deepEqual(again, def, "the file gives another model");
  const unpacked = decodeModel(packModel(def));
  if (!isDeepStrictEqual(unpacked, def)) assert.deepEqual(unpacked, def, "the packed file gives another model");
  if (workOf(def) > WORK_MOST) return "model: read";
  const random = createDraws(1);
  const inputs = () =>
    Object.fromEntries(def.inputs.map(({ name, tensor }) => [name, drawReals(random, def.tensors[tensor], false)]));
  await assertAgreement(def, [inputs(), inputs()], [{ def: again, threads: 1 }]);
  return "model: run";
}

function judgeNetwork({ network, grids, metadata }) {
  const written = encodeNetwork(network, { grids, metadata });
  const again = decodeNetwork(written);
  if (!isDeepStrictEqual(again, { network, grids, metadata }))
    assert.deepEqual(again.network, network, "the file gives another network");
  return typed(() => lower(network, { grids: grids.size > 0 ? grids : null })).then(
    ({ code }) => `network: ${code ?? "lowered"}`,
  );
}

export const files = {
  name: "files",
  share: 3,
  cases: CASES,
  memory: 4 * MEMORY_LIMIT,
  run: (description) => judgeFile(makeFile(description)),
  artifact: (description) => ({ extension: "bin", bytes: makeFile(description) }),
};

// refusals-books.js: each rule of tables of levels by channel broken, in a model and in a network.
import { createRandom } from "../../dist/base/index.js";
import { storeBytes } from "../../dist/format/index.js";
import { buildNetwork, decodeNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { encodeModel, validateModel } from "../../dist/model/index.js";
import { tiny } from "../models/everything.js";
import { linear } from "../models/layers.js";
import { patched, variants } from "./refusals.js";

const TABLES = [
  [-1, 0, 2],
  [-4, -1, 0, 1, 3],
];
const LEVELS = [-4, -1, 0, 1, 2, 3];

/** A model of one dense layer: channel 0 has the second table, channel 1 the first. */
function booked() {
  const def = tiny();
  const codes = Uint8Array.of(0, 5, 3, 1, 4, 2);
  const weights = { kind: "codebook", levels: LEVELS, codes, books: { tables: TABLES, of: Uint8Array.of(1, 0) } };
  return { ...def, layers: [{ ...def.layers[0], weights }] };
}

export const bookModel = variants(encodeModel(booked()), "model");

const tablesOf = (list) => bookModel.change((g) => (g.layers[0].weights.tables = list));
const tables = (...list) => tablesOf(list);
const byte = (file, name, at, value) => file.tensors((t) => t.set(name, patched(t.get(name), at, value)));
const many = (count) => new Array(count).fill(TABLES[0]);
const rising = (from, count) => Array.from({ length: count }, (_, i) => from + i);

export const bookModelRefusals = {
  since: [
    [
      bookModel.change(() => {}, 1),
      /layers\[0\]\.weights: .*value of version 1 of the format; found codebooks, of version 2/,
    ],
  ],
  "books-levels": [[tables(rising(0, 100), rising(100, 100)), /weights: .*2 to 128 levels; found 200/]],
  "books-tables": [
    [tables([0], TABLES[1]), /weights\.tables\[0\]: .*2 to 128 ascending levels/],
    [tables(TABLES[0], [-4, 0, -1, 1, 3]), /weights\.tables\[1\]: .*2 to 128 ascending levels/],
    [tables(TABLES[0], [-4, -1, 0, 1, 1]), /weights\.tables\[1\]: .*2 to 128 ascending levels/],
    ...[257, 200_000].map((n) => [
      tablesOf([...TABLES, ...many(n - 2)]),
      new RegExp(`tables: .*256 tables .*found ${n}`),
    ]),
  ],
  "books-channel": [
    [byte(bookModel, "d.books", 1, 2), /weights\.of: .*2 tables below 2 in Uint8Array/],
    [tables(), /weights\.of: .*2 tables below 0/],
  ],
  // the fourth code, the first of channel 1, is 3
  "books-range": [[byte(bookModel, "d.codes", 1, 0xa6), /weights\[3\]: .*a code of the channel's levels/]],
  "codebook-levels": [
    [tables([-1, 0, 2.5], TABLES[1]), /weights\.levels\[4\]/],
    [tables([-1, 0, 16384], TABLES[1]), /weights\.levels\[5\]/],
  ],
};

/** A dense node whose weights are all on a grid with tables. */
function bookedNetwork() {
  const b = buildNetwork("books", createRandom(1));
  const network = b.finish([b.dense(b.quantize(b.input([3, 1, 1]), linear()), 2)]);
  network.nodes.at(-1).weight.data.set([-2, 1.5, 0.5, -1, 2, 0]);
  const grid = {
    ...{ kind: "codebook", levels: LEVELS, scale: Float32Array.of(0.5, 1), frozen: new Uint8Array(6).fill(1) },
    books: { tables: TABLES, of: Uint8Array.of(1, 0) },
  };
  return { network, grids: new Map([["dense1", grid]]) };
}

const { network, grids } = bookedNetwork();
export const bookNetwork = variants(encodeNetwork(network, { grids }), "network");

const gridTables = (...list) => bookNetwork.change((g) => (g.grids[0].tables = list));

export const bookNetworkRefusals = {
  since: [[bookNetwork.change(() => {}, 1), /grids\[0\]: .*no other field; found tables/]],
  "grid-books": [
    [gridTables(), /grid of dense1\.books\.tables: .*the levels -4,-1,0,1,2,3/],
    [gridTables(...TABLES, [1]), /grid of dense1\.books\.tables\[2\]: .*2 to 128 ascending levels/],
    [gridTables(...TABLES, ...many(255)), /grid of dense1\.books\.tables: .*256 tables or fewer; found 257/],
    [gridTables(TABLES[0], [-4, -1, 0, 1]), /grid of dense1\.books\.tables: .*the levels -4,-1,0,1,2,3/],
    [byte(bookNetwork, "dense1.gridBooks", 0, 2), /grid of dense1\.books\.of: .*2 tables below 2/],
  ],
  "grid-weights": [[byte(bookNetwork, "dense1.gridBooks", 0, 0), /grid of dense1\.frozen\[0\]/]],
  tensors: [
    [bookNetwork.tensors((t) => t.set("dense1.gridBooks", storeBytes(Uint8Array.of(1)))), /dense1\.gridBooks/],
    [bookNetwork.change((g) => delete g.grids[0].tables), /tensor dense1\.gridBooks/],
  ],
};

const weights = (edit) => () => {
  const def = booked();
  edit(def.layers[0].weights);
  validateModel(def);
};

/** What only values in memory break. */
export const bookMemoryRefusals = [
  weights((w) => (w.books.of = [1, 0])),
  weights((w) => (w.books.of = Uint8Array.of(1))),
  weights((w) => (w.codes[0] = 4)),
  () => {
    const file = decodeNetwork(bookNetwork.valid);
    file.grids.get("dense1").books.of = new Uint8Array(3);
    encodeNetwork(file.network, file);
  },
];

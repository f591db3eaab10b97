// file.ts: a trainable network to bytes and back (docs/format.md, kind "network").

import { given, greatestOf, is } from "../base/index.js";
import {
  at,
  type Check,
  type CodeBits,
  checker,
  fields,
  openFile,
  type StoredTensor,
  sealFile,
  storeBytes,
  storeFloats,
  tensorSource,
} from "../format/index.js";
import {
  elements,
  GRIDS,
  NODES,
  type Node,
  nodeKind,
  orderStores,
  readPortShape,
  readRecord,
  type Shape,
  unusual,
  validateGrid,
  versionOf,
  type WeightGrid,
  type WeightGrids,
  writeRecord,
} from "../ops/index.js";
import { NETWORK } from "./given.js";
import { inputsOf, type Network } from "./network.js";
import { inferShapes } from "./shapes.js";
import { validateNetwork } from "./validate.js";

const { boolean, dictionary, identifier, integer, list, number, oneOf, record, text, texts } = fields;
const expect: typeof fields.expect = fields.expect;

/** Fields that every node has besides its kind. */
const NODE_FIELDS = ["name"] as const;

/** The first version in which a network has several inputs, and its inputs and outputs dimensions. */
const SECOND = 2;

function readPorts(value: unknown, where: string): Network["ports"] {
  const entries = Object.entries(dictionary(value, where)).map(([name, port]) => {
    const place = `${where}.${identifier(name, where)}`;
    return [name, readPortShape(record(port, place, [], ["dims", "channelsLast"]), place)] as const;
  });
  return Object.fromEntries(entries);
}

/** No field of a node depends on the shapes of others' tensors. */
const noShapes = (): Shape => [0, 0, 0];

/** Data that a network file may hold beside the network. */
export interface NetworkExtra {
  /** The decisions of INQ so far; without them every weight is free. */
  readonly grids?: WeightGrids;
  /** Free text by name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const EXTRA = is.record<NetworkExtra>({
  grids: is.optional(GRIDS),
  metadata: is.optional(is.dictionary(is.text)),
});

/** The contents of a network file. */
export interface NetworkFile {
  readonly network: Network;
  readonly grids: WeightGrids;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes network, weight grids and free text into one file. The same input gives the same bytes.
 * @throws what `validateNetwork` and `decodeNetwork` throw: nothing is ever written that cannot be read; BAD_GRAPH for a
 *   grid that belongs to no weight
 */
export function encodeNetwork(network: Network, extra: NetworkExtra = {}): Uint8Array {
  given({ network, extra }, { network: NETWORK, extra: EXTRA });
  const { grids = new Map(), metadata = {} } = extra;
  validateNetwork(network);
  validateGrids(network, grids, "");
  const nodes = network.nodes.map((node) => writeRecord(nodeKind(node), NODE_FIELDS, node, noShapes));
  const tensors: Map<string, StoredTensor> = orderStores(nodes.map(({ store }) => store));
  for (const [name, grid] of grids) {
    const { scale, frozen } = grid;
    tensors.set(`${name}.frozen`, storeBytes(frozen));
    if (scale) tensors.set(`${name}.gridScale`, storeFloats([scale.length], scale));
    if (grid.kind === "codebook" && grid.books) tensors.set(`${name}.gridBooks`, storeBytes(grid.books.of));
  }
  const { name, outputs, labels } = network;
  const shapes = inferShapes(network);
  const shaped = Object.entries(network.ports ?? {}).flatMap(([port, shape]) => {
    const own = unusual(shapes.get(port)!, shape);
    return Object.keys(own).length > 0 ? [[port, own] as const] : [];
  });
  const ports = shaped.length > 0 ? Object.fromEntries(shaped) : undefined;
  const numbers = [...grids].map(([node, grid]) =>
    grid.kind === "powers"
      ? { node, kind: grid.kind, bits: grid.bits, n1: grid.n1, scaled: grid.scale !== null }
      : { node, kind: grid.kind, levels: grid.levels, ...(grid.books && { tables: grid.books.tables }) },
  );
  const booked = [...grids.values()].some((grid) => grid.kind === "codebook" && grid.books);
  const since = ports || booked || inputsOf(network).length > 1 ? SECOND : 1;
  const version = Math.max(since, greatestOf(network.nodes.map((node) => versionOf(nodeKind(node), node))));
  const graph = { name, nodes: nodes.map(({ json }) => json), outputs, labels, ports, grids: numbers, metadata };
  const bytes = sealFile("network", graph, tensors, version);
  decodeNetwork(bytes);
  return bytes;
}

/**
 * Reads and validates a file that `encodeNetwork` wrote.
 * @param where file name for error messages
 * @throws BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH
 */
export function decodeNetwork(bytes: Uint8Array, where = ""): NetworkFile {
  const file = openFile(bytes, ["network"], where);
  const source = tensorSource(file.tensors, where);
  const place = at(where, "graph");
  const graph = record(
    file.graph,
    place,
    ["name", "nodes", "outputs", "grids", "metadata"],
    ["labels", ...(file.version < SECOND ? [] : ["ports"])],
  );
  const kinds = list(graph.nodes, `${place}.nodes`, (value, p) => dictionary(value, p).op);
  const inputs = kinds.filter((kind) => kind === "input").length;
  expect(inputs <= 1 || file.version >= SECOND, `${place}.nodes`, "one input in version 1", inputs);
  const network: Network = {
    name: identifier(graph.name, `${place}.name`),
    nodes: list(graph.nodes, `${place}.nodes`, (value, p) =>
      readRecord<Node>(NODES, NODE_FIELDS, value, p, { source, shapeOf: noShapes }, file.version),
    ),
    outputs: list(graph.outputs, `${place}.outputs`, identifier),
    ...(graph.labels !== undefined && { labels: list(graph.labels, `${place}.labels`, text) }),
    ...(graph.ports !== undefined && { ports: readPorts(graph.ports, `${place}.ports`) }),
  };
  validateNetwork(network, where);
  const weights = new Map(
    network.nodes.flatMap((n) => (n.op === "conv" || n.op === "dense" ? [[n.name, n.weight]] : [])),
  );
  const grids = list(graph.grids, `${place}.grids`, (value, p): [string, WeightGrid] => {
    const kinds = ["powers", "codebook"] as const;
    const kind = oneOf(text(dictionary(value, p).kind, `${p}.kind`) as WeightGrid["kind"], `${p}.kind`, kinds);
    const grid = record(
      value,
      p,
      kind === "powers" ? ["node", "kind", "bits", "n1", "scaled"] : ["node", "kind", "levels"],
      kind === "codebook" && file.version >= SECOND ? ["tables"] : [],
    );
    const name = identifier(grid.node, `${p}.node`);
    const weight = weights.get(name);
    expect(weight !== undefined, `${p}.node`, "a conv or dense node", name, "BAD_GRAPH");
    const frozen = source.bytes(`${name}.frozen`, [elements(weight.shape)]).slice();
    const scale = () => source.floats(`${name}.gridScale`, [weight.shape[0]]);
    if (kind === "codebook") {
      const levels = list(grid.levels, `${p}.levels`, number);
      if (grid.tables === undefined) return [name, { kind, levels, scale: scale(), frozen }];
      const tables = list(grid.tables, `${p}.tables`, (table, at) => list(table, at, number));
      const of = source.bytes(`${name}.gridBooks`, [weight.shape[0]]).slice();
      return [name, { kind, levels, scale: scale(), frozen, books: { tables, of } }];
    }
    const bits = oneOf(number(grid.bits, `${p}.bits`), `${p}.bits`, [2, 3, 4, 5]) as CodeBits;
    const scaled = boolean(grid.scaled, `${p}.scaled`);
    const n1 = integer(grid.n1, `${p}.n1`, -126, 127);
    return [name, { kind, bits, n1, scale: scaled ? scale() : null, frozen }];
  });
  source.done();
  const result = new Map(grids);
  validateGrids(network, result, where);
  return { network, grids: result, metadata: texts(graph.metadata, `${place}.metadata`) };
}

/** Every grid belongs to a conv or dense node and fits its weights. */
function validateGrids(network: Network, grids: WeightGrids, where: string): void {
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  for (const [name, grid] of grids) {
    const place = at(where, `grid of ${name}`);
    const node = nodes.get(name);
    const check: Check = checker("", "invalid network");
    check(node?.op === "conv" || node?.op === "dense", place, "a conv or dense node", name);
    validateGrid(node.weight.data, node.weight.shape[0], grid, place);
  }
}

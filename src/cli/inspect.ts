// inspect.ts: shiftwise inspect: what a model file holds, without running it.

import type { Command } from "commander";
import { greatestOf } from "../base/index.js";
import type { Preprocessing } from "../data/index.js";
import { codebookWidth, headerSize, magnitudes, readSafetensors } from "../format/index.js";
import { encodeModel, type InputPort, type ModelDef } from "../model/index.js";
import {
  dimsOf,
  type Encoding,
  type Layer,
  longestTable,
  type Normalization,
  type Shape,
  type Weights,
} from "../ops/index.js";
import { bytes, count, percent, table } from "../report/index.js";
import { type MemoryUse, planMemory } from "../runtime/index.js";
import { type Context, newCommand, withContext } from "./command.js";
import { addNetworkOptions, type NetworkArguments } from "./files.js";
import { carriedBy, normalizationText, PREPROCESSING_NOTE } from "./preprocessing.js";
import { oneLine } from "./printable.js";
import { readRunnable } from "./runnable.js";

interface LayerFacts {
  readonly name: string;
  readonly op: Layer["op"];
  readonly output: Shape;
  readonly encoding: string;
  /** The kind of the weights; null where there are none. */
  readonly kind: Weights["kind"] | null;
  /** Bits of the weights in the file; null where there are none, 32 for float. */
  readonly bits: number | null;
  /** Tables of levels that output channels choose from; null where all channels have the levels of the layer. */
  readonly tables: number | null;
  readonly weights: number;
  /** Share of the weights that are zero, 0..1. */
  readonly zeroShare: number;
  /** Number of weights by absolute value, "0", "2^-7", ..., or by level of a codebook, "-12", "0", ... */
  readonly histogram: Readonly<Record<string, number>>;
  /** Bytes in the file, before it was packed: codes, signs, tables of channels, scales, offsets. */
  readonly bytes: number;
}

interface PortFacts {
  readonly name: string;
  readonly shape: Shape;
  /** Sizes as ONNX has them. */
  readonly dims: readonly number[];
}

interface Facts {
  readonly name: string;
  readonly kind: "model" | "network" | "onnx";
  readonly bytes: number;
  readonly checksum: string;
  readonly inputs: readonly (PortFacts & {
    readonly encoding: string;
    /** The way from pixels to values; null where the model says nothing about pixels. */
    readonly normalization: Normalization | null;
    /** The size and order of channels with which pictures were made, where the model carries them. */
    readonly pictures: Preprocessing;
  })[];
  readonly outputs: readonly PortFacts[];
  readonly labels: readonly string[];
  readonly layers: readonly LayerFacts[];
  readonly memory: MemoryUse;
  /** Bytes of the header: the graph, with what layers without stored tensors have in it, such as the indices of a gather. */
  readonly headerBytes: number;
  /** Whether header and codes are entropy-coded in the file. */
  readonly isPacked: boolean;
  readonly notes: Readonly<Record<string, string>>;
}

export function inspectCommand(): Command {
  const command = newCommand(
    "inspect",
    "show a model's layers, encodings, bytes, memory and notes; with --verbose also the share of the weights at each level",
  ).argument("<model>", "model file, an ONNX file, or a float network file; the last two are shown as they would run");
  addNetworkOptions(command);
  return command.action((path: string, options: NetworkArguments & { readonly json?: boolean }) =>
    withContext(options, (context) => runInspect(path, options, context)),
  );
}

async function runInspect(path: string, options: NetworkArguments, { screen }: Context): Promise<void> {
  const { kind, def, bytes: file, size } = await readRunnable(path, options, screen.say);
  const { metadata, tensors } = readSafetensors(file);
  const isPacked = metadata.kind === "packed";
  // a packed file has the layers' tensors in two
  const plain = kind === "network" || isPacked ? encodeModel(def) : file;
  const stored = plain === file ? tensors : readSafetensors(plain).tensors;
  const sizes = new Map([...stored].map(([name, tensor]) => [name, tensor.bytes.length]));
  const facts: Facts = {
    name: def.name,
    kind,
    bytes: size,
    checksum: metadata.checksum,
    inputs: def.inputs.map((port) => ({
      ...portFacts(port, def),
      encoding: encodingText(def.tensors[port.tensor].encoding),
      normalization: port.normalization ?? null,
      pictures: carriedBy(def, port.name),
    })),
    outputs: def.outputs.map((port) => portFacts(port, def)),
    labels: def.labels ?? [],
    layers: def.layers.map((layer) => layerFacts(layer, def, sizes)),
    headerBytes: headerSize(isPacked ? file : plain),
    isPacked,
    memory: planMemory(def),
    notes: def.notes ?? {},
  };
  screen.result(facts, describe(facts, options.verbose === true));
}

function portFacts(port: InputPort, { tensors }: ModelDef): PortFacts {
  const { shape } = tensors[port.tensor];
  return { name: port.name, shape, dims: dimsOf(shape, port) };
}

function layerFacts(layer: Layer, def: ModelDef, sizes: ReadonlyMap<string, number>): LayerFacts {
  const { shape, encoding } = def.tensors[layer.output];
  const parts = ["codes", "signs", "books", "weight", "scale", "offset"];
  const weights = layer.op === "conv" || layer.op === "dense" ? layer.weights : null;
  const histogram = weights ? histogramOf(weights) : {};
  const total = Object.values(histogram).reduce((sum, n) => sum + n, 0);
  return {
    name: layer.name,
    op: layer.op,
    output: shape,
    encoding: encodingText(encoding),
    kind: weights?.kind ?? null,
    bits: weights ? bitsOf(weights) : null,
    tables: weights?.kind === "codebook" && weights.books ? weights.books.tables.length : null,
    weights: total,
    zeroShare: total > 0 ? (histogram["0"] ?? 0) / total : 0,
    histogram,
    bytes: parts.reduce((sum, part) => sum + (sizes.get(`${layer.name}.${part}`) ?? 0), 0),
  };
}

function bitsOf(weights: Weights): number {
  if (weights.kind === "codebook")
    return codebookWidth(weights.books ? longestTable(weights.books) : weights.levels.length);
  return weights.kind === "codes" ? weights.bits : 32;
}

/**
 * Counts weights by value: for codes one entry for zero and one for each power of two, smallest first; for codebooks
 * one for each level; for floats zero and the rest.
 */
function histogramOf(weights: Weights): Record<string, number> {
  if (weights.kind === "float32") {
    const zeros = weights.values.reduce((sum, value) => sum + (value === 0 ? 1 : 0), 0);
    return { 0: zeros, other: weights.values.length - zeros };
  }
  if (weights.kind === "codebook") {
    const counts = new Array<number>(weights.levels.length).fill(0);
    for (const code of weights.codes) counts[code]++;
    return Object.fromEntries(counts.map((n, code) => [String(weights.levels[code]), n]));
  }
  const { bits, n1, codes } = weights;
  const counts = new Array<number>(magnitudes(bits) + 1).fill(0);
  for (const code of codes) counts[Math.abs(code)]++;
  return Object.fromEntries(counts.map((n, m) => [m === 0 ? "0" : `2^${n1 - magnitudes(bits) + m}`, n]));
}

function encodingText(encoding: Encoding): string {
  if (encoding.kind === "float32") return "float32";
  const scale = encoding.scale.toPrecision(4);
  if (encoding.kind === "linear") return `linear 0..${encoding.max}, zero ${encoding.zero}, scale ${scale}`;
  const { levels } = encoding;
  return `${levels.length} levels 0..${levels[levels.length - 1]}, scale ${scale}`;
}

const KINDS = {
  model: "model file",
  network: "network file",
  onnx: "ONNX file, as a float network",
} as const satisfies Record<Facts["kind"], string>;

/** Labels on one line unless all are wanted. */
const LABELS_SHOWN = 12;

function labelsText(labels: readonly string[], verbose: boolean): string {
  const shown = verbose ? labels : labels.slice(0, LABELS_SHOWN);
  const rest = labels.length - shown.length;
  const more = rest > 0 ? [`${count(rest)} more: --verbose lists all`] : [];
  return `labels  ${[...shown.map(oneLine), ...more].join(", ")}`;
}

/** The way from pictures and their pixels to the values of an input, in words. */
function pixelsText({ name, normalization, pictures }: Facts["inputs"][number], several: boolean): string[] {
  if (!normalization) return [];
  const { resize, channels } = pictures;
  const how = [
    ...(channels ? [`channels ${channels}`] : []),
    ...(resize === undefined ? [] : [`shorter side scaled to ${resize}, the middle cut out`]),
  ];
  const of = several ? ` of ${name}` : "";
  return [
    `pixels${of}  ${normalizationText(normalization)}`,
    ...(how.length > 0 ? [`pictures${of}  ${how.join("; ")}`] : []),
  ];
}

function describe(facts: Facts, verbose: boolean): string {
  const layers = table(
    [
      ["layer"],
      ["op"],
      ["output"],
      ["activations"],
      ["bits", "right"],
      ["weights", "right"],
      ["zeros", "right"],
      ["bytes", "right"],
    ],
    facts.layers.map((layer) => [
      layer.name,
      layer.op,
      layer.output.join("x"),
      layer.encoding,
      layer.bits === null ? "" : String(layer.bits),
      layer.bits === null ? "" : count(layer.weights),
      layer.bits === null ? "" : percent(layer.zeroShare),
      layer.bytes === 0 ? "in header" : count(layer.bytes),
    ]),
  );
  const { constants, scratch, arena, total } = facts.memory;
  const ports = [
    ...facts.inputs.map(({ name, dims, encoding }) => `input   ${name} ${dims.join("x")}, ${encoding}`),
    ...facts.outputs.map(({ name, dims }) => `output  ${name} ${dims.join("x")}`),
  ];
  return [
    `${facts.name}: ${KINDS[facts.kind]}, ${count(facts.bytes)} bytes, checksum ${facts.checksum}`,
    ...ports,
    ...facts.inputs.flatMap((input) => pixelsText(input, facts.inputs.length > 1)),
    ...(facts.labels.length > 0 ? [labelsText(facts.labels, verbose)] : []),
    layers,
    `header with the graph, its indices and tables: ${bytes(facts.headerBytes)}`,
    ...(facts.isPacked ? ["packed: bytes of layers are those before packing"] : []),
    ...(verbose ? histograms(facts.layers) : []),
    `memory: ${bytes(total)} = constants ${bytes(constants)}, scratch ${bytes(scratch)}, activations ${bytes(arena)}, and guards`,
    ...Object.entries(facts.notes)
      .filter(([key]) => key !== PREPROCESSING_NOTE && key !== "pictures")
      .map(([key, value]) => `${key}: ${oneLine(value)}`),
  ].join("\n");
}

/** Share of the weights at each level, in tables for the codes of one bit width each and one for the codebooks. */
function histograms(layers: readonly LayerFacts[]): string[] {
  const coded = layers.filter(({ kind }) => kind === "codes");
  const widths = [...new Set(coded.flatMap(({ bits }) => (bits === null ? [] : [bits])))];
  const powers = widths.map((width) =>
    powerTable(
      width,
      coded.filter(({ bits }) => bits === width),
    ),
  );
  const books = layers.filter(({ kind }) => kind === "codebook");
  return books.length > 0 ? [...powers, bookTable(books)] : powers;
}

function powerTable(width: number, layers: readonly LayerFacts[]): string {
  const levels = 2 ** (width - 2);
  const exponents = Array.from({ length: levels }, (_, m) => (m === levels - 1 ? "n1" : `n1-${levels - 1 - m}`));
  return table(
    [
      [`codes, ${width} bits`],
      ["exponents", "right"],
      ["zero", "right"],
      ...exponents.map((name) => [name, "right"] as const),
    ],
    layers.map(({ name, histogram, weights }) => {
      const named = Object.keys(histogram);
      const range = `${named[1]}..${named[named.length - 1]}`;
      return [name, range, ...Object.values(histogram).map((n) => percent(n / weights))];
    }),
  );
}

/** Up to 128 levels, different ones in each layer: by octaves of their absolute value. */
function bookTable(layers: readonly LayerFacts[]): string {
  const octaveOf = (level: number): number => (level === 0 ? 0 : Math.floor(Math.log2(Math.abs(level))) + 1);
  const books = layers.map(({ name, histogram, weights, tables }) => {
    const levels = Object.keys(histogram).map(Number);
    const shares: number[] = [];
    for (const level of levels) {
      const octave = octaveOf(level);
      shares[octave] = (shares[octave] ?? 0) + histogram[level] / weights;
    }
    return { name, levels, shares, tables };
  });
  const most = greatestOf(books.map(({ shares }) => shares.length));
  const octaves = Array.from({ length: most }, (_, octave) => octave).filter((octave) =>
    books.some(({ shares }) => shares[octave] !== undefined),
  );
  const heading = (octave: number): string =>
    octave < 2 ? String(octave) : `${2 ** (octave - 1)}..${2 ** octave - 1}`;
  return table(
    [
      ["codebooks, |level|"],
      ["levels", "right"],
      ["tables", "right"],
      ["range", "right"],
      ...octaves.map((octave) => [heading(octave), "right"] as const),
    ],
    books.map(({ name, levels, shares, tables }) => [
      name,
      String(levels.length),
      tables === null ? "" : String(tables),
      `${Math.min(...levels)}..${Math.max(...levels)}`,
      ...octaves.map((octave) => (shares[octave] === undefined ? "" : percent(shares[octave]))),
    ]),
  );
}

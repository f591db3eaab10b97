// rounding-checkpoint.ts: the layers that a conversion has rounded, in a file from which an interrupted one goes on.
import { writeAtomically } from "../base/system.js";
import { type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import {
  crc32,
  fields,
  hex,
  type StoredTensor,
  sealFile,
  storeBytes,
  storeFloats,
  type TensorSource,
} from "../format/index.js";
import { encodeNetwork, inputsOf, type Network } from "../graph/index.js";
import type { Explored, LayerRecord, LayerRecords, LayerReport } from "../rounding/index.js";
import { type CheckpointOptions, openCheckpoint } from "../training/index.js";
import type { ResolvedSettings } from "./image-settings.js";

/** The records of a conversion's roundings. */
export interface RoundingCheckpoint {
  /**
   * Runs the next rounding with its records, and what follows from it: roundings come in the same order in every run. Where it stops,
   * all is written.
   */
  run<T>(rounding: (records: LayerRecords) => Promise<T>): Promise<T>;
}

const EVERY_SECONDS = 60;

/**
 * Opens the checkpoint of a run.
 * @param run from conversionRecord
 * @throws IO; BAD_FILE, TRUNCATED, CHECKSUM for a damaged file; BAD_OPTION naming what differs for one of another run.
 */
export async function openRoundingCheckpoint(
  { path, everySeconds = EVERY_SECONDS, resume = false }: CheckpointOptions,
  run: Readonly<Record<string, string>>,
): Promise<RoundingCheckpoint> {
  const roundings = resume ? await readRoundings(path, run) : [];
  let begun = 0;
  let saved = performance.now();
  let isWritten = true;
  const write = async (): Promise<void> => {
    if (!isWritten) await writeAtomically(path, sealRoundings(roundings, run));
    isWritten = true;
    saved = performance.now();
  };
  return {
    async run(rounding) {
      const own = roundings[begun] ?? new Map<string, LayerRecord>();
      roundings[begun++] = own;
      try {
        return await rounding({
          get: (layer) => own.get(layer),
          async put(layer, record) {
            own.set(layer, record);
            isWritten = false;
            if (performance.now() - saved >= 1000 * everySeconds) await write();
          },
        });
      } catch (error) {
        await write();
        throw error;
      }
    },
  };
}

/** Returns what tells one conversion from another. */
export function conversionRecord(
  network: Network,
  samples: Samples | SamplesByInput,
  { quantizer, layers, costs, ...settings }: ResolvedSettings,
): Record<string, string> {
  const sum = (...bytes: Uint8Array[]) => hex(crc32(...bytes));
  const { count, read } = samplesReader(inputsOf(network), samples, network.name);
  const sums = Array.from({ length: count }, (_, i) =>
    sum(...Array.from(read(i, 1).values(), (v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength))),
  );
  const { goal, activations, bits, twoTerm, price, zeros, budget, memory, notes, minutes } = settings;
  const record = {
    network: `${network.name} ${sum(encodeNetwork(network))}`,
    samples: `${count} ${sum(new TextEncoder().encode(sums.join()))}`,
    ...{ goal, activations, bits, twoTerm, price, zeros, budget, memory, notes },
    levels: quantizer.name,
    // a training changes what is rounded, however long it is
    minutes: minutes > 0 ? "above 0" : 0,
    layers: [...layers],
    costs: costs ?? null,
  };
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, JSON.stringify(value)]));
}

type Rounding = Map<string, LayerRecord>;

function sealRoundings(roundings: readonly Rounding[], run: Readonly<Record<string, string>>): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  const graph = roundings.map((rounding, r) =>
    [...rounding].map(([layer, { codes, scale, of, shift, report }], l) => {
      const at = `${r}.${l}`;
      tensors.set(`${at}.codes`, storeBytes(codes));
      tensors.set(`${at}.of`, storeBytes(of));
      tensors.set(`${at}.scale`, storeFloats([scale.length], scale));
      for (const [e, one] of report.explored.entries()) {
        tensors.set(`${at}.${e}.codes`, storeBytes(one.codes));
        tensors.set(`${at}.${e}.of`, storeBytes(one.of));
      }
      const explored = report.explored.map(({ snr, tables }) => ({ snr, tables }));
      return { layer, shift: [...shift], report: { ...report, explored } };
    }),
  );
  return sealFile("checkpoint", { roundings: graph, run }, tensors);
}

async function readRoundings(path: string, run: Readonly<Record<string, string>>): Promise<Rounding[]> {
  const opened = await openCheckpoint(path, run, ["roundings", "run"]);
  if (!opened) return [];
  const { graph, source } = opened;
  const lists = itemsOf(graph.roundings, fields.at(path, "roundings"));
  const roundings = lists.map(([rounding, place], r): Rounding => {
    const records = itemsOf(rounding, place).map(([one, where], l) => readRecord(one, where, source, `${r}.${l}`));
    return new Map(records);
  });
  source.done();
  return roundings;
}

/** The items of a list, each with its place. */
const itemsOf = (value: unknown, where: string): (readonly [unknown, string])[] =>
  fields.list(value, where, (item, place) => [item, place] as const);

const optional = (value: unknown, where: string): number | null =>
  value === null ? null : fields.number(value, where);

/** @param at what the record's tensors are named after */
function readRecord(value: unknown, where: string, source: TensorSource, at: string): readonly [string, LayerRecord] {
  const one = fields.record(value, where, ["layer", "shift", "report"]);
  const place = `${where}.report`;
  const names = ["name", "weights", "weightSnr", "ownSnr", "outputSnr", "explored"];
  const written = fields.record(one.report, place, names);
  const explored = itemsOf(written.explored, `${place}.explored`).map(([item, there], e): Explored => {
    const found = fields.record(item, there, ["snr", "tables"]);
    const numbers = (table: unknown, spot: string) => fields.list(table, spot, fields.number);
    return {
      snr: optional(found.snr, `${there}.snr`),
      codes: source.bytes(`${at}.${e}.codes`, null).slice(),
      of: source.bytes(`${at}.${e}.of`, null).slice(),
      tables: fields.list(found.tables, `${there}.tables`, numbers),
    };
  });
  const report: LayerReport = {
    name: fields.text(written.name, `${place}.name`),
    weights: fields.integer(written.weights, `${place}.weights`),
    weightSnr: optional(written.weightSnr, `${place}.weightSnr`),
    ownSnr: optional(written.ownSnr, `${place}.ownSnr`),
    outputSnr: optional(written.outputSnr, `${place}.outputSnr`),
    explored,
  };
  const of = source.bytes(`${at}.of`, null).slice();
  const shift = Float64Array.from(fields.list(one.shift, `${where}.shift`, fields.number, of.length));
  const codes = source.bytes(`${at}.codes`, [report.weights]).slice();
  const scale = source.floats(`${at}.scale`, [of.length]);
  return [fields.text(one.layer, `${where}.layer`), { codes, scale, of, shift, report }];
}

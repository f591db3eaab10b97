// import.ts: an ONNX model to a network: constants folded, shapes known, the rest converted node by node.

import { expectNoPromise, given } from "../base/index.js";
import { fields } from "../format/index.js";
import {
  fuseElementwise,
  type InputNode,
  joinMoves,
  joinPermutes,
  joinPhases,
  liftClamps,
  liveNodes,
  type Network,
  nodeInputs,
  validateNetwork,
} from "../graph/index.js";
import { importBudget } from "./budget.js";
import { convertNodes } from "./convert.js";
import { createDraft, isPrintable, type Known, printableName } from "./draft.js";
import { IMPORT_OPTIONS, type ImportOptions, MODEL } from "./given.js";
import {
  addInput,
  batchOf,
  checkByInput,
  checkOpen,
  inputDims,
  readInputs,
  sizesOfOpen,
  withConstants,
} from "./input.js";
import { statedLabels, statedNormalization } from "./metadata.js";
import { type OnnxModel, readModel } from "./model.js";
import { graphName, shown } from "./names.js";
import { nameOutputs, upTo, withNames } from "./outputs.js";
import { Problems } from "./problems.js";
import type { Remark } from "./surroundings.js";
import { asInFile, isChannelsLast, isPictureChannelsLast, turnedEarly } from "./turn.js";

const { at } = fields;

/**
 * Imports an ONNX model of opset 7 or later. The batch is left out: a network takes one
 * sample. What does not depend on an input is computed here; Identity, Dropout and what only regroups elements vanish;
 * batch norm stays. An input (batch, rows, columns, channels) that one Transpose alone reads, behind functions of each element or
 * not, or that has the shape of a picture, becomes (channels, rows, columns). Nodes are called as ONNX calls the values they make, so outputs keep their names. The integers between QuantizeLinear
 * and DequantizeLinear become `encodings` of the network.
 * @throws UNSUPPORTED, BAD_GRAPH with all problems that were found, and the values before them that could be outputs;
 *   TRUNCATED, BAD_FILE for bytes that are no model, with a name for what they are where that is known; BAD_OPTION; OVERFLOW
 */
export function importOnnx(bytes: Uint8Array | ArrayBuffer, options: ImportOptions = {}): Network {
  given({ options }, { options: IMPORT_OPTIONS });
  return importModel(readModel(bytes, options.external ?? null, options.where), options);
}

/** Imports a model that has been read, as importOnnx does. */
export function importModel(read: OnnxModel, options: Omit<ImportOptions, "external"> = {}): Network {
  given({ read, options }, { read: MODEL, options: IMPORT_OPTIONS });
  const { where = "", labels, onRemark = () => {} } = options;
  const remark: Remark = (level, place, message) =>
    expectNoPromise(onRemark(`${place}: ${message}`, level), "options.onRemark");
  const model = turnedEarly(upTo(withConstants(read, options.constants ?? {}, where), options.outputs, where));
  const inputs = readInputs(model, where, remark);
  checkByInput(inputs, options.inputShape, options.normalization, where);
  const batch = batchOf(model, inputs);
  const inputShape = options.inputShape ?? sizesOfOpen(inputs, options.openSizes ?? {}, batch);
  checkOpen(model, inputs, inputShape, batch, where);

  const stored = [...model.constants.values()].reduce((sum, { data }) => sum + data.length, 0);
  const budget = importBudget(stored, options.budget);
  const { draft, nodes, encodings } = createDraft(countReaders(model), budget);
  const known = new Map<string, Known>(model.constants);
  const shaped = inputs.map((input) => {
    const place = at(where, `input ${shown(input.name)}`);
    const dims = inputDims(model, input, inputShape, batch, place);
    const turns = isChannelsLast(model, input, dims);
    const channelsLast = turns || isPictureChannelsLast(dims);
    const activation = addInput(draft, input, dims, channelsLast, options.normalization, place);
    if (activation.node !== input.name) remark("note", place, `is called ${shown(activation.node)} here`);
    const node = draft.get(activation.node) as InputNode;
    const stated = node.normalization ? null : statedNormalization(model, input.name, node.shape[0]);
    if (stated) {
      draft.replace({ ...node, normalization: stated.normalization });
      remark("note", place, `takes pixels as the file's metadata says (${stated.by})`);
    }
    known.set(input.name, channelsLast && !turns ? asInFile(draft, activation) : activation);
    if (turns) {
      const [transpose] = model.nodes.filter((node) => node.inputs.includes(input.name));
      const [n, h, w, c] = dims;
      known.set(transpose.outputs[0], { ...activation, dims: [n, c, h, w] });
    }
    return { input, node: activation.node, port: { dims, ...(channelsLast && { channelsLast }) } };
  });
  const problems = new Problems(where);
  const surroundings = { draft, budget, batch, logits: options.logits ?? false, remark };
  convertNodes(model, known, surroundings, problems);
  problems.throwIfAny();
  const outputs = nameOutputs(model, draft, known, where, (from, to) => {
    remark("note", at(where, `output ${shown(from)}`), `is called ${shown(to)} here`);
  });
  const names = [...outputs.values()];
  const made = nodes();
  const called = withNames(made, outputs);
  const live = liveNodes(called, names);
  const needed = new Set([...live.flatMap(nodeInputs), ...names]);
  const ports = [
    ...shaped.flatMap(({ input, node, port }) => {
      const { name } = called[made.findIndex((one) => one.name === node)];
      if (needed.has(name)) return [[name, port] as const];
      remark("note", at(where, `input ${shown(input.name)}`), "no output depends on its values");
      return [];
    }),
    ...model.outputs.map((output, i) => [names[i], { dims: known.get(output)!.dims }] as const),
  ];
  const rounded = called.flatMap(({ name }, i) => {
    const encoding = encodings.get(made[i].name);
    return encoding ? [[name, encoding] as const] : [];
  });
  const network: Network = {
    name: networkName(options.name ?? graphName(model.name, where)),
    nodes: live.filter(({ op, name }) => op !== "input" || needed.has(name)),
    outputs: names,
    ...(labels && { labels }),
    ports: Object.fromEntries(ports),
    ...(rounded.length > 0 && { encodings: Object.fromEntries(rounded) }),
  };
  validateNetwork(network, where);
  const named = labels ? null : statedLabels(model, network);
  if (named)
    remark(
      "note",
      where || "model",
      `${named.labels.length} classes are called as the file's metadata says (${named.by})`,
    );
  const whole = named ? { ...network, labels: named.labels } : network;
  return joinMoves(joinPermutes(liftClamps(joinPhases(fuseElementwise(whole)))));
}

function networkName(name: string): string {
  return isPrintable(name) ? name : name === "" ? "network" : printableName(name);
}

function countReaders(model: OnnxModel): Map<string, number> {
  const readers = new Map<string, number>();
  const names = [...model.nodes.flatMap((node) => node.inputs), ...model.outputs];
  for (const name of names) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
}

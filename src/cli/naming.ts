// naming.ts: the options of what a model and its classes are called.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { readWhole } from "../data/index.js";
import { fields } from "../format/index.js";
import { type Network, parseLabels, withLabels } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";

export interface NamingArguments {
  readonly name?: string;
  /** A file of names. */
  readonly labels?: string;
}

/** Adds --name and --labels. */
export function addNaming(command: Command): void {
  command
    .option("--name <name>", "name of the model (default: the network's)", nameOption)
    .option(
      "--labels <file>",
      "names of the classes: a text file with one name a line, or a JSON list or object of them (default: what the network's file or the folders of labelled images say)",
    );
}

function nameOption(text: string): string {
  try {
    return fields.identifier(text, "--name");
  } catch (cause) {
    const expected = "1 to 200 printable characters";
    throw new ShiftwiseError("BAD_OPTION", "bad value", { where: "--name", expected, found: text, cause });
  }
}

/**
 * Reads the file of names.
 * @throws IO, BAD_FILE
 */
export async function readLabels(path: string): Promise<string[]> {
  const bytes = await readWhole(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ShiftwiseError("BAD_FILE", "no text", { where: path, expected: "a text in UTF-8", cause });
  }
  return parseLabels(text, path);
}

/**
 * The network as the options call it and its classes.
 * @throws as readLabels; BAD_DATA for names of another number of classes
 */
export async function withNames(network: Network, { name, labels }: NamingArguments): Promise<Network> {
  const called = name === undefined ? network : { ...network, name };
  return labels === undefined ? called : withLabels(called, await readLabels(labels), labels);
}

/** The same of a model that is ready. */
export async function modelWithNames(def: ModelDef, { name, labels }: NamingArguments): Promise<ModelDef> {
  return {
    ...def,
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels: await readLabels(labels) }),
  };
}

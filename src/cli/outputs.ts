// outputs.ts: the files that a command writes: that they can be written, that each is one of its own, and that none replaces what is read.
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { ShiftwiseError } from "../base/index.js";
import { checkWritable, targetOf } from "../base/system.js";
import { isTable, readTable, readWhole } from "../data/index.js";
import { isOnnx, kindOfFile } from "../format/signatures.js";
import { isOurs } from "./files.js";

/** The options of commands that name what is read, as commander has them. */
export const READ = ["data", "calibrate", "val", "against", "net", "labels", "preprocess", "costs"] as const;

/** Values of options, of which some name files and folders that are read. */
export type ReadArguments = { readonly [name in (typeof READ)[number]]?: string };

/**
 * Finds out before hours of work whether the files that a command makes can be written, and would replace neither one another nor
 * what is read: by name, in a folder, in a table of pictures, or as the other part of an ONNX file.
 * @param written absent ones count for nothing
 * @param networks files that the command takes beside its options
 * @throws IO as writeAtomically does; BAD_OPTION for "-", which is no file here, for two results in one file, and for what is read
 */
export async function checkOutputs(
  written: readonly (string | undefined)[],
  options: ReadArguments = {},
  networks: readonly string[] = [],
): Promise<void> {
  const paths = written.filter((path) => path !== undefined);
  for (const path of paths) {
    if (path === "-") throw refusal("the result is no stream", path, "the name of a file");
    await checkWritable(path);
  }
  await checkApart(paths, options, networks);
}

/**
 * The same without a look at whether files can be written, for those in folders that are yet to be made.
 * @throws BAD_OPTION
 */
export async function checkApart(
  written: readonly string[],
  options: ReadArguments,
  networks: readonly string[] = [],
): Promise<void> {
  const targets = new Set<string>();
  const read = [...networks, ...READ.flatMap((name) => options[name] ?? [])];
  for (const path of written) {
    const target = await targetOf(path).catch(() => path);
    if (targets.has(target)) throw refusal("two results in one file", path, "a name of its own for each");
    targets.add(target);
    // what is not there yet is read by nobody
    if (!(await isFile(target))) continue;
    for (const source of read) {
      if (!(await isPartOf(target, source))) continue;
      throw refusal("the file that is read would be replaced", path, "another name for what is written");
    }
  }
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

const real = (path: string): Promise<string | null> => realpath(path).catch(() => null);

/** Whether a file is what is read at a path, or belongs to it. */
async function isPartOf(target: string, source: string): Promise<boolean> {
  // of a file of arrays one may be meant: file.npz#name
  const path = (await real(source)) ?? (await real(source.replace(/#[^#]*$/, "")));
  if (path === null) return false;
  if (path === target) return true;
  const found = await stat(path);
  if (found.isDirectory()) return (await isIn(target, path, new Set())) && !(await isResult(target));
  if (isTable(path)) return isListed(target, path);
  return found.isFile() && isOtherPart(target, path);
}

/** Whether a file lies in a folder or in those in it, where links lead to, too. */
async function isIn(target: string, folder: string, seen: Set<string>): Promise<boolean> {
  if (seen.has(folder)) return false;
  seen.add(folder);
  if (isBelow(target, folder)) return true;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isSymbolicLink() && !entry.isDirectory()) continue;
    const path = await real(join(folder, entry.name));
    if (path === null) continue;
    if (path === target) return true;
    if (entry.isDirectory() || (await stat(path)).isDirectory()) {
      if (await isIn(target, path, seen)) return true;
    }
  }
  return false;
}

const isBelow = (path: string, folder: string): boolean =>
  !/^(\.\.([/\\]|$)|([a-z]:)?[/\\])/i.test(relative(folder, path));

/** Whether a file is of a kind that commands write, or empty: such are no data, and a command may run twice. */
async function isResult(path: string): Promise<boolean> {
  const bytes = await readWhole(path).catch(() => null);
  if (bytes === null) return false;
  return bytes.length === 0 || isOurs(bytes) || isOnnx(bytes) || kindOfFile(bytes, "data")?.name === "an HTML page";
}

/** Whether a table names a picture. One that cannot be read is refused where it is used. */
async function isListed(target: string, table: string): Promise<boolean> {
  const rows = await readTable(table).catch(() => []);
  const named = rows.some(({ file }) => basename(file) === basename(target));
  return named && ((await isIn(target, dirname(table), new Set())) || rows.some(({ file }) => file === target));
}

/** Whether a file has a part of the weights of an ONNX file, which names those that lie beside it. */
async function isOtherPart(target: string, network: string): Promise<boolean> {
  if (!isBelow(target, dirname(network)) || (await isResult(target))) return false;
  const bytes = await readWhole(network).catch(() => null);
  return (
    bytes !== null &&
    isOnnx(bytes) &&
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(basename(target))
  );
}

function refusal(message: string, where: string, expected: string): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", message, { where, expected });
}

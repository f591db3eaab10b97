// label-table.ts: a text or CSV file of pictures and their labels.
import { ShiftwiseError } from "../base/index.js";
import { readWhole } from "./bytes.js";
import { contentOf } from "./signatures.js";

/** One line of a table. */
export interface LabelRow {
  readonly file: string;
  readonly label: string;
}

const EXPECTED = "a picture and its label on each line, with a comma, a tab or a space between them";
const FILE_COLUMNS = /^(file(_?name)?|path|image(_?(id|path|name))?|img|picture|name)$/i;
const LABEL_COLUMNS = /^(label(_?(id|name))?|class(_?(id|name))?|category|target|y)$/i;

/**
 * Whether a file is a table by its name.
 * @internal
 */
export const isTable = (path: string): boolean => /\.(csv|tsv|txt|lst|list)$/i.test(path);

/**
 * Reads pictures and labels: of a table with a heading the columns that are called file, path or image, and label or class; else the
 * first column and the second. Lines that begin with # are left out.
 * @throws IO; BAD_FILE for a line without a label, or a file that is no text
 * @internal
 */
export async function readTable(path: string): Promise<LabelRow[]> {
  const bytes = await readWhole(path);
  const text = new TextDecoder().decode(bytes).replace(/^\ufeff/, "");
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const refuse = (where: string, found: unknown): ShiftwiseError =>
    new ShiftwiseError("BAD_FILE", "no table of labels", { where, expected: EXPECTED, found });
  // a table has no control characters but tabs
  if (lines.length === 0 || /[^\P{Cc}\t\n\r]/u.test(text)) throw refuse(path, contentOf(bytes));
  const separator = [",", "\t", ";"].find((one) => cells(lines[0], one).length > 1) ?? " ";
  const heading = cells(lines[0], separator).map((cell) => cell.trim());
  const [file, label] = [FILE_COLUMNS, LABEL_COLUMNS].map((names) => heading.findIndex((cell) => names.test(cell)));
  const headed = file >= 0 && label >= 0 && file !== label;
  return lines.slice(headed ? 1 : 0).map((line, i) => {
    const row = cells(line, separator).map((cell) => cell.trim());
    const found = headed ? { file: row[file], label: row[label] } : { file: row[0], label: row[1] };
    if (!found.file || !found.label) throw refuse(`${path}: line ${i + (headed ? 2 : 1)}`, line.slice(0, 60));
    return found;
  });
}

/** The cells of a line; ones in quotation marks may hold the separator. With spaces the label is the last word. */
function cells(line: string, separator: string): string[] {
  if (separator === " ") {
    const [, file, label] = /^(.*\S)\s+(\S+)$/.exec(line.trim()) ?? [];
    return file === undefined ? [line.trim()] : [file, label];
  }
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const character = line[i];
    if (character === '"' && quoted && line[i + 1] === '"') {
      cell += '"';
      i++;
    } else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      found.push(cell);
      cell = "";
    } else cell += character;
  }
  return [...found, cell];
}

// answers.ts: labelled pictures for a command, and what models answer to them as text.
import { type LabelledImages, openLabelled, type Preprocessing } from "../data/index.js";
import type { ModelDef } from "../model/index.js";
import {
  type AnswersMeasurement,
  answersOf,
  type ClassErrors,
  type ExecutorName,
  measureAnswers,
} from "../pipeline/index.js";
import { type Column, count, counted, milliseconds, percent, table } from "../report/index.js";
import type { Context } from "./command.js";
import { oneLine } from "./printable.js";

/** Classes that a table of errors has. */
const WORST = 8;

/**
 * Opens labelled pictures for a model that ends in one vector, and says what was chosen.
 * @returns null where the model does not, or the data has no labels
 * @throws as openLabelled
 */
export async function openAnswers(
  path: string,
  def: ModelDef,
  preprocessing: Preprocessing,
  limit: number | undefined,
  { screen }: Context,
): Promise<LabelledImages | null> {
  const classes = answersOf(def);
  if (classes === null || def.inputs.length > 1) return null;
  const { shape } = def.tensors[def.inputs[0].tensor];
  const { labels } = def;
  const found = await openLabelled(path, { shape, preprocessing, classes, ...(labels && { labels }) }, limit);
  for (const remark of found?.remarks ?? []) screen.say(remark);
  return found;
}

/** Measures as measureAnswers does, on a progress line of its own. */
export async function answersShown(
  defs: readonly ModelDef[],
  images: LabelledImages,
  executor: ExecutorName,
  label: string,
  { screen, signal }: Context,
): Promise<AnswersMeasurement> {
  const line = screen.progress(label);
  const onProgress = (share: number): void => line.update(share);
  const result = await measureAnswers(defs, images, executor, { signal, onProgress });
  line.done(result.models.map(({ accuracy }) => percent(accuracy / 100)).join(" and "));
  for (const text of result.broken.slice(0, 3)) screen.say(`passed over a broken picture: ${text}`);
  return result;
}

/** The name of a class, or its number. */
export function className(names: readonly string[] | null | undefined, number: number): string {
  const name = names?.[number];
  return name === undefined ? String(number) : oneLine(name);
}

/** Columns and a row for each model; of few classes nothing is said of the first five. */
export function answersTable(
  names: readonly string[],
  { models }: AnswersMeasurement,
): { readonly columns: readonly Column[]; readonly rows: string[][] } {
  const isShown = models.some(({ top5 }) => top5 !== null);
  const columns: readonly Column[] = [
    ["network"],
    ["right", "right"],
    ...(isShown ? [["among the first 5", "right"] as const] : []),
    ["a picture", "right"],
  ];
  const rows = models.map(({ accuracy, top5, msPerImage }, i) => [
    names[i],
    percent(accuracy / 100),
    ...(isShown ? [top5 === null ? "" : percent(top5 / 100)] : []),
    milliseconds(msPerImage),
  ]);
  return { columns, rows };
}

export const WORST_COLUMNS: readonly Column[] = [
  ["class"],
  ["pictures", "right"],
  ["right", "right"],
  ["most often taken for"],
];

/** Rows of the classes with the fewest right answers. */
export function worstRows(worst: readonly ClassErrors[], names: readonly string[] | null): string[][] {
  return worst
    .slice(0, WORST)
    .map(({ class: label, images, correct, takenFor, times }) => [
      className(names, label),
      count(images),
      percent(correct / images),
      takenFor === null ? "" : `${className(names, takenFor)} (${count(times)})`,
    ]);
}

/** Lines on two models: accuracies side by side, and how many answers changed. */
export function comparedText(names: readonly string[], found: AnswersMeasurement): string[] {
  const { columns, rows } = answersTable(names, found);
  return [
    `on ${counted(found.total, "labelled picture")}:`,
    table(columns, rows),
    `${count(found.changes)} of ${counted(found.total, "answer")} changed`,
  ];
}

/** The table of the worst classes; none where all answers are right. */
export function worstText(worst: readonly ClassErrors[], names: readonly string[] | null): string[] {
  if (worst.length === 0) return [];
  const rest = worst.length > WORST ? `, ${WORST} of the ${worst.length} that have wrong ones` : "";
  return [`classes with the fewest right answers${rest}:`, table(WORST_COLUMNS, worstRows(worst, names))];
}

// report.ts: the option --report, and what commands put on its page.
import { cpus } from "node:os";
import type { Command } from "commander";
import { shellWord } from "../base/index.js";
import { writeAtomically } from "../base/system.js";
import type { LabelledImages } from "../data/index.js";
import type { Shape } from "../ops/index.js";
import type { AnswersMeasurement } from "../pipeline/index.js";
import { bytes, counted, type ReportPicture, reportPage, type Section } from "../report/index.js";
import type { OutputFidelity } from "../training/index.js";
import { answersTable, className, WORST_COLUMNS, worstRows } from "./answers.js";
import { OUTPUT_COLUMNS, outputRows } from "./shown.js";

export interface ReportArguments {
  readonly report?: string;
}

/** Adds --report. */
export function addReport(command: Command): void {
  command.option(
    "--report <file>",
    "HTML page to write: what was run, on what and when, with tables, charts and pictures; it opens without a network",
  );
}

/** The command line as it can be typed again. */
const commandLine = (): string => ["shiftwise", ...process.argv.slice(2).map(shellWord)].join(" ");

/**
 * Writes a report.
 * @param facts names and values, besides the command, the time and the machine
 * @throws IO
 */
export async function writeReport(
  path: string,
  title: string,
  facts: readonly (readonly [name: string, value: string])[],
  sections: readonly Section[],
): Promise<void> {
  const machine = `${cpus()[0]?.model.trim() ?? process.arch}, Node.js ${process.version}, ${process.platform} ${process.arch}`;
  const page = reportPage({
    title,
    command: commandLine(),
    when: new Date(),
    facts: [...facts, ["machine", machine]],
    sections,
  });
  await writeAtomically(path, new TextEncoder().encode(page));
}

/** The size of a file in words, with its path. */
export const fileFact = (path: string, size: number): string => `${path}, ${bytes(size)}`;

/** The outputs of two networks side by side, as a section. */
export function outputsSection(title: string, outputs: readonly OutputFidelity[]): Section {
  return {
    title,
    columns: OUTPUT_COLUMNS,
    rows: outputRows(outputs),
    text: ["Signal to noise is the variance of the float network's values over the mean squared error, in dB."],
  };
}

/** Sections on what networks answered: accuracies, confused classes, and the pictures whose answer changed. */
export function answersSections(
  names: readonly string[],
  found: AnswersMeasurement,
  images: LabelledImages,
  shape: Shape,
): Section[] {
  const { classNames } = images;
  const { worst } = found.models.at(-1)!;
  const pictures = found.changed.map(({ name, label, answers: [before, after], pixels }): ReportPicture => {
    const [channels, height, width] = shape;
    const lines = [
      `is ${className(classNames, label)}`,
      `${names[0]}: ${className(classNames, before)}${before === label ? " (right)" : ""}`,
      `${names[1]}: ${className(classNames, after)}${after === label ? " (right)" : ""}`,
    ];
    return { pixels, channels, height, width, title: name, lines };
  });
  return [
    {
      title: "Accuracy",
      text: [`On ${counted(found.total, "labelled picture")}.`],
      ...answersTable(names, found),
    },
    ...(found.outputs.length > 0 ? [outputsSection(`Outputs of ${names[1]} against ${names[0]}`, found.outputs)] : []),
    ...(worst.length > 0
      ? [
          {
            title: "Classes with the fewest right answers",
            columns: WORST_COLUMNS,
            rows: worstRows(worst, classNames),
          },
        ]
      : []),
    ...(found.models.length > 1
      ? [
          {
            title: "Answers that changed",
            text: [
              `${found.changes} of ${found.total}${found.changes > pictures.length ? `, of which the first ${pictures.length} are shown` : ""}.`,
            ],
            pictures,
          },
        ]
      : []),
  ];
}

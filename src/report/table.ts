// table.ts: rows of text as a table for a terminal.
import Table from "cli-table3";

export type Align = "left" | "right";

/** A column's heading and the side that its cells lean to. */
export type Column = readonly [heading: string, align?: Align];

/**
 * A table without colours, so that it reads the same in a file.
 * @param columns left-aligned by default.
 * @param rows one cell a column.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const built = new Table({
    head: columns.map(([heading]) => heading),
    colAligns: columns.map(([, align]) => align ?? "left"),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) built.push([...row]);
  return built.toString();
}

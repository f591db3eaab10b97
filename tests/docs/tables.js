// tables.js: the tables of a page.
import assert from "node:assert/strict";

/** Cells of the rows of the table under the given head row of a page. */
export function rowsUnder(page, head) {
  const lines = page.split("\n");
  const start = lines.indexOf(head);
  assert.ok(start >= 0, head);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

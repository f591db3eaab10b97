// tables.js: the operator tables of docs/onnx.md out of the catalog; run as a program, it writes them there.
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { CATALOG } from "../../dist/onnx/index.js";

export const page = fileURLToPath(new URL("../../docs/onnx.md", import.meta.url));

const BOUNDS = /(<!-- operators: [^>]* -->\n)[\s\S]*(<!-- end of operators -->)/;

/** Which versions a row is about: nothing where an operator always meant the same. */
function version(entries, i) {
  if (entries.length === 1) return "";
  return i + 1 < entries.length ? `, before opset ${entries[i + 1].since}` : `, opset ${entries[i].since} on`;
}

function table(use) {
  const rows = Object.entries(CATALOG).flatMap(([name, entries]) => {
    return entries.flatMap((entry, i) => {
      if (entry.use !== use) return [];
      const list = Object.entries(entry.attributes).map(([attribute, legal]) => {
        return legal ? `${attribute} (${legal.join(", ")})` : attribute;
      });
      return [`| ${name}${version(entries, i)} | ${list.join(", ")} |`.replace("|  |", "| |")];
    });
  });
  return ["| operator | attributes |", "|---|---|", ...rows].join("\n");
}

/** The page with its tables as the catalog has them. */
export function withTables(text) {
  if (!BOUNDS.test(text)) throw new Error(`${page} has no place for the tables`);
  const tables = `${table("network")}\n\nOnly on values that do not depend on the input:\n\n${table("constants")}\n`;
  return text.replace(BOUNDS, (_, before, behind) => before + tables + behind);
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, withTables(readFileSync(page, "utf8")));

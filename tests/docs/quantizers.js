// quantizers.js: the tables of docs/methods.md out of the table of quantizers; run as a program, it writes them there.
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { createRandom } from "../../dist/base/index.js";
import { QUANTIZERS } from "../../dist/quantize/index.js";

export const page = fileURLToPath(new URL("../../docs/methods.md", import.meta.url));

const BOUNDS = /(<!-- quantizers: [^>]* -->\n)[\s\S]*(<!-- end of quantizers -->)/;
const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8];
const OUTPUTS = 64;
const DEPTH = 576;

/** Bell-shaped weights of a layer. */
export const WEIGHTS = Float32Array.from(
  { length: OUTPUTS * DEPTH },
  (
    (random) => () =>
      random.normal() * 0.05
  )(createRandom(5)),
);

function span(bits) {
  const whole = bits.at(-1) - bits[0] + 1 === bits.length && bits.length > 1;
  return whole ? `${bits[0]}..${bits.at(-1)}` : bits.join(", ");
}

const row = (cells) => `| ${cells.join(" | ")} |`.replaceAll("|  ", "| ");

function methods() {
  const rows = QUANTIZERS.map(({ name, bits, about }) => {
    return row([`\`${name}\``, span(bits), about.replaceAll("|", "\\|")]);
  });
  return [row(["name", "bits", "levels and rounding"]), "|---|---|---|", ...rows];
}

function levels() {
  const shown = WIDTHS.filter((width) => QUANTIZERS.some(({ bits }) => bits.includes(width)));
  const rows = QUANTIZERS.map((quantizer) => {
    const counts = shown.map((bits) => {
      if (!quantizer.bits.includes(bits)) return "";
      const { levels, books } = quantizer.fit(WEIGHTS, { name: "layer", shape: [OUTPUTS, DEPTH], bits });
      return books ? Math.max(...books.tables.map((table) => table.length)) : levels.length;
    });
    return row([`\`${quantizer.name}\``, ...counts]);
  });
  const head = row(["name", ...shown.map((bits, i) => (i === shown.length - 1 ? `${bits} bits` : bits))]);
  return [head, `|${"---|".repeat(shown.length + 1)}`, ...rows];
}

/** The page with its tables as the quantizers have them. */
export function withTables(text) {
  if (!BOUNDS.test(text)) throw new Error(`${page} has no place for the tables`);
  const between =
    "This table has the number of levels of a channel in a layer with 64 x 576 normally distributed weights:";
  const tables = `${methods().join("\n")}\n\n${between}\n\n${levels().join("\n")}\n`;
  return text.replace(BOUNDS, (_, before, behind) => before + tables + behind);
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, withTables(readFileSync(page, "utf8")));

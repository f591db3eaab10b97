// as-pect.config.js: which specs run, and what they are given.
import { readdirSync } from "node:fs";

// as-pect passes with "0 / 0" when nothing matches, so the specs are listed here and some are required.
const dir = "tests/assembly";
const specs = readdirSync(dir, { recursive: true }).filter((file) => file.endsWith(".spec.ts"));
if (specs.length === 0) throw new Error(`no *.spec.ts under ${dir}`);

export default {
  entries: specs.map((file) => `${dir}/${file}`),
  include: [`${dir}/**/*.include.ts`],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory } }));
  },
  outputBinary: false,
};

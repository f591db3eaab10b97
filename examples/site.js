// site.js: npm run site: the pages as one folder for any static host, and how large it is.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { buildPages } from "./build.js";

const { values } = parseArgs({ options: { out: { type: "string", default: "site" } } });
const { out } = values;
if (existsSync(out) && readdirSync(out).length > 0 && !existsSync(join(out, "sw.js"))) {
  console.error(`${out} holds other files, which would be lost. Name a new folder: npm run site -- --out folder`);
  process.exit(1);
}
const folder = await buildPages(out);
const sum = (sizes) => `${(sizes.reduce((a, b) => a + b, 0) / 1000).toFixed(0)} KB`;
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
const [plain, packed] = [files.map(({ length }) => length), files.map((bytes) => gzipSync(bytes).length)];
console.log(
  `${out}: ${files.length} files, ${sum(plain)}, with gzip ${sum(packed)}. Copy the folder to any static host.`,
);

// size.test.js: what an installation brings: its bytes, nothing that wants to run, and no decoder of pictures.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install } from "./install.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const LIMIT = 12_000_000;
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

let installed;

before(() => {
  installed = install();
});
after(() => installed.remove());

/** Packages that come with the package, by their folders in node_modules. */
const others = Object.entries(packages).filter(
  ([path, entry]) => path !== "" && !entry.dev && !entry.devOptional && !entry.peer,
);

const bytesUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

test("an installation takes no more than 12 MB", () => {
  const sizes = others.map(([path]) => [path, bytesUnder(join(root, path))]);
  sizes.push(["shiftwise", bytesUnder(join(installed.folder, "node_modules/shiftwise"))]);
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  sizes.sort((a, b) => b[1] - a[1]);
  assert.ok(others.length > 5 && total <= LIMIT, `${total} bytes: ${JSON.stringify(sizes.slice(0, 6))}`);
});

test("npm has nothing to run and so nothing to warn of, and sharp stays away until it is asked for", () => {
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) assert.ok(!(script in own.scripts), script);
  for (const [path, { hasInstallScript, deprecated }] of others) assert.ok(!hasInstallScript && !deprecated, path);
  assert.ok(own.peerDependenciesMeta.sharp.optional);
  assert.ok(!others.some(([path]) => /node_modules\/(sharp|@img)/.test(path)));
});

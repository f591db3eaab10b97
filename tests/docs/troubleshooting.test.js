// troubleshooting.test.js: the messages that docs/troubleshooting.md explains are those of the code.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/troubleshooting.md", root), "utf8");
const source = readdirSync(new URL("src/", root), { recursive: true })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".generated.ts"))
  .map((name) => readFileSync(new URL(`src/${name}`, root), "utf8"))
  .join("\n");

test("every message of the tables stands in the code", () => {
  const messages = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message]) => message);
  assert.ok(messages.length >= 25, String(messages.length));
  for (const message of messages) assert.ok(source.includes(message), message);
  assert.equal(new Set(messages).size, messages.length);
});

test("every option that the page names is one of a command's", () => {
  const text = page.replace(/`node [^`]*`/g, "");
  for (const [name] of text.matchAll(/--[a-z][a-z-]*/g))
    assert.ok(source.includes(`"${name} `) || source.includes(`"${name}"`), name);
});

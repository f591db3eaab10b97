// prose.test.js: README, pages and help texts keep to plain words, whole sentences and one thought a sentence.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const pages = ["README.md", "examples/README.md", "examples/models/README.md", "examples/webview/README.md"].concat(
  readdirSync(new URL("docs/", root), { recursive: true })
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".md")),
);

/** Words that stood here for "set", "say", "name" and "see"; "told apart" is English. */
const PRIVATE = [
  /\btold\b(?! apart)/i,
  /\btell(s|ing)?\b(?! apart)/i,
  /\blets? the float network\b/i,
  /\bgo(es)? about\b/i,
];
/** A beginning that has no noun to lean on. */
const HEADLESS = /(?:^|[.!?] |\| |^- )((?:Of|So many|As many|So much) )/m;
/** Words of the longest sentence that one reading takes in. */
const LONGEST = 34;

/** The running text of a page: no code, no links' addresses, no tables. */
function proseOf(text) {
  return text
    .replace(/^```[\s\S]*?^```$/gm, "")
    .replace(/^(?: {4}.*\n)+/gm, "\n")
    .replace(/^\|.*$/gm, "")
    .replace(/\]\([^)]*\)/g, "]")
    .replace(/`[^`]*`/g, "code");
}

/** Sentences of paragraphs and list items; a colon or semicolon ends a thought as well. */
function sentencesOf(prose) {
  return prose
    .split(/\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.) )/)
    .flatMap((paragraph) => paragraph.replace(/\s+/g, " ").split(/(?<=[.!?:;]) /))
    .map((sentence) => sentence.trim())
    .filter(Boolean);
}

function check(name, text) {
  for (const word of PRIVATE) assert.doesNotMatch(text.replace(/`[^`]*`/g, ""), word, name);
  const found = HEADLESS.exec(
    text.replace(/\n(?!\s*\n)/g, (line, at) => (/\n\s*[-|#]/.test(text.slice(at, at + 4)) ? line : " ")),
  );
  assert.equal(found, null, `${name}: "${found?.[0]}" begins a sentence without its noun`);
}

for (const page of pages) {
  const text = readFileSync(new URL(page, root), "utf8");
  test(`${page} has no private words and no sentence that one reading does not take in`, () => {
    check(page, text.replace(/^```[\s\S]*?^```$/gm, ""));
    for (const sentence of sentencesOf(proseOf(text))) {
      const words = sentence.split(" ").length;
      assert.ok(words <= LONGEST, `${page}: a sentence of ${words} words: ${sentence}`);
    }
    for (const [, head] of text.matchAll(/^\|(.*)\|\n\|[-|: ]+\|$/gm)) {
      const [, ...names] = head.split("|").map((cell) => cell.trim());
      assert.ok(names.every(Boolean), `${page}: a column without a name: ${head}`);
    }
  });
}

test("help texts have no private words", () => {
  const cli = fileURLToPath(new URL("dist/cli/index.js", root));
  const help = (...args) => execFileSync(process.execPath, [cli, ...args, "--help"], { encoding: "utf8" });
  const first = help();
  check("--help", first);
  const commands = [...first.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name);
  assert.ok(commands.length >= 8);
  for (const command of commands) check(`${command} --help`, help(command));
  for (const program of ["bench/rows/index.js", "tests/fuzz/start.js"]) {
    const path = fileURLToPath(new URL(program, root));
    check(program, execFileSync(process.execPath, [path, "--help"], { encoding: "utf8" }));
  }
});

// start.js: the campaign: cases of every target, seeded and watched; what is found is printed, shrunk and written beside.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runCase } from "./case.js";
import { TARGETS } from "./targets.js";
import { runCases } from "./watch.js";

const FOLDER = fileURLToPath(new URL("../output/fuzz/", import.meta.url));
/** Findings of one kind that are printed in full. */
const PRINTED_MOST = 2;

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "5" },
    cases: { type: "string" },
    case: { type: "string" },
    from: { type: "string", default: "0" },
    target: { type: "string", multiple: true },
    processes: { type: "string", default: String(Math.min(2, availableParallelism())) },
    replay: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const HELP = `Draws cases at random from a seed, runs them, and prints and shrinks what fails: docs/testing.md.

  npm run fuzz -- [options]

  --seed N          seed of all cases (default: 1)
  --minutes N       time for all targets together (default: 5)
  --cases N         number of cases of each target, instead of a time
  --from N          number of the first case (default: 0)
  --case N          runs this case alone, with --seed and --target
  --target NAME     one of ${TARGETS.map(({ name }) => name).join(", ")}; may be repeated (default: all)
  --processes N     number of processes that run cases (default: 2, where there are two processors)
  --replay FILE     runs a finding again, from the JSON file that it was written to`;

const number = (name) => {
  const value = Number(options[name]);
  if (options[name] === "" || !Number.isFinite(value) || value < 0)
    throw new Error(`--${name}: a number, not ${options[name]}`);
  return value;
};

function chosenTargets() {
  const names = TARGETS.map(({ name }) => name);
  for (const name of options.target ?? []) {
    if (!names.includes(name)) throw new Error(`--target: one of ${names.join(", ")}, not ${name}`);
  }
  return TARGETS.filter(({ name }) => options.target?.includes(name) ?? true);
}

const withoutLong = (text) => (text.length > 3000 ? `${text.slice(0, 3000)} ... (${text.length} characters)` : text);

function print(target, seed, { number: at, text, shown, shrinks }, files) {
  console.log(`\n${target}: seed ${seed}, case ${at}: ${withoutLong(text)}`);
  if (shown) console.log(`  shrunk in ${shrinks} steps: ${withoutLong(shown)}`);
  if (files.length > 0) console.log(`  written: ${files.join(", ")}`);
  console.log(`  repeat: npm run fuzz -- --seed ${seed} --target ${target} --case ${at}`);
}

function write(target, seed, { number: at, text, first, description, artifact }) {
  mkdirSync(FOLDER, { recursive: true });
  const stem = `${FOLDER}${target}-${seed}-${at}`;
  writeFileSync(`${stem}.json`, JSON.stringify({ target, seed, case: at, text, description, first }, null, 1));
  if (!artifact) return [`${stem}.json`];
  writeFileSync(`${stem}.${artifact.extension}`, Buffer.from(artifact.base64, "base64"));
  return [`${stem}.json`, `${stem}.${artifact.extension}`];
}

async function campaign() {
  const seed = number("seed");
  const targets = chosenTargets().filter((target) => {
    const reason = target.missing?.();
    if (reason) console.log(`${target.name}: left out: ${reason}`);
    return !reason;
  });
  const processes = Math.max(1, number("processes"));
  const shares = targets.reduce((sum, { share = 1 }) => sum + share, 0);
  let findings = 0;
  for (const target of targets) {
    const kinds = new Map();
    const find = (finding) => {
      findings++;
      const count = (kinds.get(finding.kind) ?? 0) + 1;
      kinds.set(finding.kind, count);
      if (count <= PRINTED_MOST) print(target.name, seed, finding, write(target.name, seed, finding));
    };
    const start = Date.now();
    const until = options.cases ? Infinity : start + (number("minutes") * 60_000 * (target.share ?? 1)) / shares;
    const count = options.cases ? Math.ceil(number("cases") / processes) : Infinity;
    const lanes = Array.from({ length: processes }, (_, i) =>
      runCases(target, { seed, first: number("from") + i, stride: processes, count, until }, find),
    );
    const totals = await Promise.all(lanes);
    const done = totals.reduce((sum, total) => sum + total.done, 0);
    const tally = {};
    for (const total of totals)
      for (const [name, n] of Object.entries(total.tally)) tally[name] = (tally[name] ?? 0) + n;
    const seconds = (Date.now() - start) / 1000;
    const found = [...kinds.values()].reduce((sum, n) => sum + n, 0);
    const parts = Object.entries(tally).map(([name, n]) => `${n.toLocaleString("en")} ${name}`);
    console.log(
      `${target.name}: ${done.toLocaleString("en")} cases, ${found.toLocaleString("en")} findings, ` +
        `${seconds.toFixed(0)} s, ${(done / seconds).toFixed(0)} a second (${parts.join(", ")})`,
    );
    for (const [kind, n] of kinds) console.log(`  ${n} x ${kind}`);
  }
  return findings;
}

/** One case again, here, with a debugger if need be. */
async function repeat(target, seed, at) {
  await target.prepare?.();
  const { outcome, processor, failure } = await runCase(target, seed, at, { counts: true });
  if (!failure) {
    console.log(`${target.name}: seed ${seed}, case ${at}: ${outcome}, ${processor.toFixed(0)} ms of processor time`);
    return 0;
  }
  const artifact = target.artifact?.(failure.description);
  const finding = {
    number: at,
    text: failure.error.stack,
    shown: (target.show ?? JSON.stringify)(failure.description),
    ...failure,
    artifact: artifact && { extension: artifact.extension, base64: Buffer.from(artifact.bytes).toString("base64") },
  };
  print(target.name, seed, finding, write(target.name, seed, finding));
  return 1;
}

async function replay(path) {
  const { target: name, description } = JSON.parse(readFileSync(path, "utf8"));
  const target = TARGETS.find((one) => one.name === name);
  await target.prepare?.();
  console.log(`${name}: ${await target.run(description)}`);
  return 0;
}

async function main() {
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (options.replay) return replay(options.replay);
  if (options.case === undefined) return campaign();
  const targets = chosenTargets();
  if (targets.length !== 1) throw new Error("--case wants one --target");
  return repeat(targets[0], number("seed"), number("case"));
}

process.exit((await main()) > 0 ? 1 : 0);

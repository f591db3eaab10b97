// publish.js: measured samples to the report: printed, and written to bench/results.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { formatPage } from "./page.js";
import { summaryRows } from "./summary.js";
import { formatReport } from "./table.js";

/**
 * @param name of the files
 * @param measured what runTasks gives, with machine, settings, seconds and coldStart
 * @returns the exit status: 1 when a contestant was wrong
 */
export async function publish(name, measured, { json, html }) {
  const rows = summaryRows(measured);
  const summary = Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  const { machine, settings, seconds, ...rest } = measured;
  const report = { machine, settings, seconds, summary, rows, ...rest };
  const text = JSON.stringify(report);
  const page = await formatPage(report);
  const folder = new URL("./results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await put(new URL(`${name}.json`, folder), text);
  await put(new URL(`${name}.html`, folder), page);
  console.log(json ? text : html ? page : formatReport(report));
  return measured.failures.length > 0 ? 1 : 0;
}

async function put(file, text) {
  const beside = new URL(`${file.href}.new`);
  await writeFile(beside, text);
  await rename(beside, file);
}

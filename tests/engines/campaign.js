// campaign.js: runs engines one after the other and gathers what they found, and which of them are not there.
import { compare, FAILED } from "./compare.js";

/**
 * @param engines by name: title, version() or null where it is not installed, measure(folder), the ways it lacks, and how
 * it is installed
 * @param options.folder with the package, the application and the models
 * @param options.expected hashes by model
 * @param options.required names of engines that have to be there
 * @param options.log hears how long each took
 * @returns a column of cells for each engine that ran, what was left out, and what went wrong, in words
 */
export async function runEngines(engines, { folder, expected, required = [], log = () => {} }) {
  const columns = [];
  const skipped = [];
  const faults = [];
  for (const [name, { title, version, measure, lacks, install }] of Object.entries(engines)) {
    let found = "?";
    try {
      found = await version();
    } catch (error) {
      faults.push(`${title} does not start: ${error.message}`);
      continue;
    }
    if (found === null) {
      (required.includes(name) ? faults : skipped).push(`${title} (${name}) is not installed: ${install}`);
      continue;
    }
    const label = `${title} ${found}`;
    const started = performance.now();
    let cells = Object.fromEntries(Object.keys(expected).map((model) => [model, FAILED]));
    try {
      const compared = compare(await measure(folder), expected, lacks);
      cells = compared.cells;
      faults.push(...compared.faults.map((fault) => `${label}: ${fault}`));
    } catch (error) {
      faults.push(`${label}: ${error.message}`);
    }
    columns.push({ heading: `${title}\n${found}`, cells });
    log(`${label}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  return { columns, skipped, faults };
}

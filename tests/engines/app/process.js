// process.js: the measurement in Node, Bun and Deno. It ends by itself, which it does only if nothing is left running.
import { readFileSync } from "node:fs";
import { goldenHash, Model } from "shiftwise";
import { WorkerModel } from "shiftwise/worker";
import { measure } from "./measure.js";

const folder = new URL("./models/", import.meta.url);
const names = JSON.parse(readFileSync(new URL("names.json", folder), "utf8"));
console.log(JSON.stringify(await measure({ Model, WorkerModel, goldenHash }, names, (name) => new URL(name, folder))));

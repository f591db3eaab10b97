// node.js: the package in Node.
import * as runtime from "shiftwise";
import * as worker from "shiftwise/worker";
import { measure } from "./measure.js";

console.log(JSON.stringify(await measure(runtime, worker, new URL("./public/demo.safetensors", import.meta.url))));

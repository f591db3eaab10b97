// plain.js: a page's script without a bundler: the package's files as they are.
import { measure } from "./measure.js";
import * as runtime from "./node_modules/shiftwise/dist/runtime/index.js";
import * as worker from "./node_modules/shiftwise/dist/runtime/worker-model/remote.js";

globalThis.result = measure(runtime, worker, "/demo.safetensors");

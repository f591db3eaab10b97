// app.js: a page's script that imports the package by its name.
import * as runtime from "shiftwise";
import * as worker from "shiftwise/worker";
import { measure } from "./measure.js";

globalThis.result = measure(runtime, worker, "/demo.safetensors");

// targets.js: what the campaign attacks.
import { calls } from "./calls/target.js";
import { data } from "./data/target.js";
import { files } from "./files/target.js";
import { models } from "./models/target.js";
import { onnx, onnxFiles } from "./onnx/target.js";

export const TARGETS = [models, files, onnx, onnxFiles, data, calls];

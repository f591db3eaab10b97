// targets.js: what the campaign attacks.
import { data } from "./data/target.js";
import { files } from "./files/target.js";
import { models } from "./models/target.js";
import { onnx, onnxFiles } from "./onnx/target.js";

export const TARGETS = [models, files, onnx, onnxFiles, data];

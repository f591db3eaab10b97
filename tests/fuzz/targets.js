// targets.js: what the campaign attacks.
import { files } from "./files/target.js";
import { models } from "./models/target.js";

export const TARGETS = [models, files];

// index.ts: the door of the baselines: every weight quantizer by name.
import type { Quantizer } from "../quantizer.js";
import { apot } from "./apot.js";
import { bwn } from "./bwn.js";
import { deepCompression } from "./deepcompression.js";
import { deepshift } from "./deepshift.js";
import { dorefa } from "./dorefa.js";
import { linear } from "./linear.js";
import { logQuant } from "./logquant.js";
import { shiftcnn } from "./shiftcnn.js";
import { ttq } from "./ttq.js";
import { twn } from "./twn.js";
import { weq } from "./weq.js";

/** Share of the weights that Deep Compression prunes here. */
const PRUNED = 0.6;

export const QUANTIZERS: readonly Quantizer[] = [
  weq("paper"),
  weq("code"),
  bwn,
  dorefa,
  twn,
  ttq,
  deepCompression(PRUNED),
  deepshift,
  shiftcnn,
  apot,
  linear,
  logQuant(1),
  logQuant(2),
  logQuant(1, "floor"),
  logQuant(2, "floor"),
];

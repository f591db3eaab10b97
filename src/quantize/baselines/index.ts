// index.ts: the door of the baselines: every weight quantizer by name.
import { given, is } from "../../base/index.js";
import { FIT, LAYER_INFO } from "../given.js";
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

/** The quantizer, held to what it takes. */
function checked(quantizer: Quantizer): Quantizer {
  return {
    ...quantizer,
    fit(weights, layer, before) {
      given({ weights, layer, before }, { weights: is.floats, layer: LAYER_INFO, before: is.optional(FIT) });
      if (weights.length > 0 && weights.length !== layer.shape.reduce((product, n) => product * n, 1)) {
        throw is.refused("weights", `as many as ${layer.shape.join(" x ")}`, weights);
      }
      return quantizer.fit(weights, layer, before);
    },
  };
}

const ALL: readonly Quantizer[] = [
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

/** Every weight quantizer of docs/methods.md but INQ. */
export const QUANTIZERS: readonly Quantizer[] = ALL.map(checked);

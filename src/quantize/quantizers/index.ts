// index.ts: the table of quantizers, from which every command and every function that takes one by name has them.
import { frozenCopy, given, is, ShiftwiseError } from "../../base/index.js";
import { FIT, LAYER_INFO, type Quantizer } from "../quantizer.js";
import { apot } from "./apot.js";
import { bwn } from "./bwn.js";
import { deepCompression } from "./deepcompression.js";
import { deepshift } from "./deepshift.js";
import { dorefa } from "./dorefa.js";
import { linear } from "./linear.js";
import { logQuant } from "./logquant.js";
import { powers } from "./powers.js";
import { powersPaper } from "./powers-paper.js";
import { shiftcnn } from "./shiftcnn.js";
import { ttq } from "./ttq.js";
import { twn } from "./twn.js";
import { twoTerm } from "./two-term.js";
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
  powers,
  powersPaper,
  twoTerm,
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

/** Every weight quantizer of docs/methods.md. */
export const QUANTIZERS: readonly Quantizer[] = frozenCopy(ALL.map(checked));

/**
 * Returns the quantizer with a name.
 * @param where what an error calls the name
 * @throws BAD_OPTION with all names for one that no quantizer has
 */
export function quantizerNamed(name: string, where = "name"): Quantizer {
  const found = QUANTIZERS.find((quantizer) => quantizer.name === name);
  if (found) return found;
  throw new ShiftwiseError("BAD_OPTION", "no such quantizer", {
    where,
    expected: `one of ${QUANTIZERS.map((quantizer) => quantizer.name).join(", ")}`,
    found: name,
  });
}

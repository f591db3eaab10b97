// layers.ts: what each layer loses by rounding, as a table for people.
import { EXACT } from "../base/index.js";
import type { RoundedLayer } from "../pipeline/index.js";
import { bytes, type Column, count, counted, table } from "../report/index.js";

/** Layers that a table has unless all are wanted. */
const SHOWN = 12;

/** The columns of the table of layers. */
export const LAYER_COLUMNS: readonly Column[] = [
  ["layer"],
  ["weights", "right"],
  ["bits", "right"],
  ["SNR of the weights", "right"],
  ["of its output", "right"],
  ["all layers so far", "right"],
  ["with one bit more", "right"],
];

/** dB in words: a dash where there is no signal to speak of, a word where nothing is lost. */
export function decibelText(value: number | null): string {
  if (value === null) return "—";
  return value >= EXACT ? "exact" : `${value.toFixed(1)} dB`;
}

function moreText(more: RoundedLayer["more"]): string {
  if (!more) return "";
  const grown = `+${bytes(more.bytes)}`;
  return more.gain === null ? grown : `${grown}, ${more.gain < 0 ? "" : "+"}${more.gain.toFixed(1)} dB`;
}

/**
 * Rows of the table of layers, in network order.
 * @param kept those that have one
 * @param worst the one to mark
 */
export function layerRows(
  layers: readonly RoundedLayer[],
  kept: ReadonlySet<RoundedLayer> = new Set(layers),
  worst?: RoundedLayer,
): string[][] {
  return layers
    .filter((layer) => kept.has(layer))
    .map((layer) => [
      layer === worst && worst.ownSnr! < EXACT ? `${layer.name} (loses most)` : layer.name,
      count(layer.weights),
      String(layer.bits),
      decibelText(layer.weightSnr),
      decibelText(layer.ownSnr),
      decibelText(layer.outputSnr),
      moreText(layer.more),
    ]);
}

/**
 * Lines with a row for each layer, in network order, and a word on what is not there.
 * @param all whether to list those that keep most, too
 */
export function layersText(layers: readonly RoundedLayer[], all: boolean): string[] {
  const byLoss = layers.filter(({ ownSnr }) => ownSnr !== null).sort((a, b) => a.ownSnr! - b.ownSnr!);
  const [worst] = byLoss;
  const kept = new Set(all || layers.length <= SHOWN ? layers : byLoss.slice(0, SHOWN));
  const rows = layerRows(layers, kept, layers.length > 1 ? worst : undefined);
  const left = layers.length - kept.size;
  const still = layers.filter((layer) => kept.has(layer) && [layer.ownSnr, layer.outputSnr].includes(null));
  return [
    "layers, with signal over error in dB (SNR); docs/convert.md explains the columns:",
    table(LAYER_COLUMNS, rows),
    ...(still.length > 0 ? ["—: the output does not vary in the float network, so there is no signal"] : []),
    ...(left > 0
      ? [
          `${counted(left, "layer")} that ${left === 1 ? "loses" : "lose"} less not shown: --verbose lists all, and --json`,
        ]
      : []),
  ];
}

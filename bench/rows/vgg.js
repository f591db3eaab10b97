// vgg.js: the tables of docs/results.md about the VGG: its rows, methods side by side, and the speed of its models.
import { ratio as speedup } from "../summary.js";
import { median } from "../timing.js";
import { accuracy, bytes, code, milliseconds, optional, points, ratio, short, signed, table, times } from "./cells.js";

/** Rows that have run; points of other seeds stand beside those of seed 1. */
export function vggTable(rows) {
  const withSeeds = ({ delta, seeds = {} }) => {
    const all = [delta, ...Object.values(seeds).map((run) => run.delta)];
    return all.length < 3 ? points(delta) : `${points(delta)}, median of ${all.length} seeds ${points(median(all))}`;
  };
  return table(
    [
      "row",
      "float32",
      "quantized",
      "points",
      "asked",
      "32 / (bits × share left)",
      "file",
      "file with gzip",
      "the paper",
    ],
    rows
      .filter(({ quantized }) => quantized !== undefined)
      .map((row) => [
        code(row.row),
        accuracy(row.float),
        accuracy(row.quantized),
        withSeeds(row),
        optional(row.asked, (asked) => `≥ ${signed(asked, 1)}`),
        short(32 / (Number(/-w(\d)/.exec(row.row)[1]) * (row.left ?? 1))),
        `${bytes(row.bytes)}, ${times(row.floatBytes / row.bytes)}`,
        `${bytes(row.gzipBytes)}, ${times(row.floatBytes / row.gzipBytes)}`,
        row.paper ?? "",
      ]),
  );
}

const ENGINES = ["node", "chromium"];
const ONNXRUNTIME = "float32";
const LITERT = "litert_float32";

/** What `bench/field.js --float --json` gives, in figures: medians, and how many times faster the models are than float32. */
export function speedOf({ rows: [network] }) {
  return network.models.map(({ id, size }) => ({
    model: id,
    bytes: size,
    ms: median(network.results[id].samples),
    onnxruntime: speedup(network, id, [ONNXRUNTIME]),
    litert: speedup(network, id, [LITERT]),
  }));
}

/** @param speed figures of speedOf by engine */
export function vggSpeedTable(speed) {
  const names = [...new Set(ENGINES.flatMap((engine) => (speed[engine] ?? []).map(({ model }) => model)))];
  const rows = names.map((name) => ENGINES.map((engine) => speed[engine]?.find(({ model }) => model === name)));
  const figure = (value) => optional(value, ratio);
  return table(
    ["model", "file", "ms, Node", "onnxruntime-web", "ms, Chromium", "onnxruntime-web", "LiteRT"],
    rows.map(([node, chromium]) => [
      code((node ?? chromium).model),
      bytes((node ?? chromium).bytes),
      optional(node?.ms, milliseconds),
      figure(node?.onnxruntime),
      optional(chromium?.ms, milliseconds),
      figure(chromium?.onnxruntime),
      figure(chromium?.litert),
    ]),
  );
}

// peers.js: the engines that the benchmark compares with, built only where the bench's packages are installed.
import { webContestants } from "../../bench/contestants/onnxruntime.js";
import { tfjsContestant } from "../../bench/contestants/tfjs.js";

export const contestants = [
  ...webContestants.filter(({ id }) => id.endsWith("float32")),
  tfjsContestant(new URL("./", import.meta.url).href),
];

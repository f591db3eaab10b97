// preprocessing.js: how a picture becomes what the network reads: its own mean and deviation, resizing, order of the channels.
import { $ } from "../page.js";
import { takesPictures } from "./pictures.js";
import { say } from "./words.js";

/** Ranges of values that networks are trained on, as mean and deviation of pixel / 255. */
const RANGES = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  unit: { mean: [0], std: [1] },
  signed: { mean: [0.5], std: [0.5] },
  bytes: { mean: [0], std: [1 / 255] },
};

export function listenForPreprocessing() {
  $("#range").addEventListener("change", () => {
    $("#own-range").hidden = $("#range").value !== "own";
  });
}

/** The parts of the form that rest while a conversion is under way. */
export const PREPROCESSING_PARTS = ["#range", "#mean", "#std", "#resize", "#order"];

/**
 * What the form says.
 * @returns normalization, undefined for what the file says, and `rule`, which a model's notes carry; null where something is no number, which is
 * said
 */
export function chosenPreprocessing({ inputs }) {
  const input = inputs.find(({ shape }) => takesPictures(shape));
  if (!input) return { normalization: undefined, rule: {} };
  const [channels] = input.shape;
  const own = $("#range").value === "own";
  const range = own ? { mean: numbersIn("#mean"), std: numbersIn("#std") } : RANGES[$("#range").value];
  if (own) {
    const fits = (list) => (list.length === 1 || list.length === channels) && list.every(Number.isFinite);
    const many = channels === 1 ? "one number" : `one number, or ${channels} with commas`;
    if (!fits(range.mean)) return refuse("#mean", `Mean of pixel / 255: write ${many}, such as 0.5.`);
    if (!fits(range.std) || range.std.some((value) => value <= 0)) {
      return refuse("#std", `Deviation: write ${many} above 0, such as 0.25.`);
    }
  }
  const size = $("#resize").value;
  const resize = size === "" && $("#resize").validity.valid ? undefined : Number(size);
  if (resize !== undefined && !(Number.isInteger(resize) && resize >= 1 && resize <= 4096)) {
    return refuse("#resize", "Shorter side: write a whole number from 1 to 4096, or nothing.");
  }
  const spread = (values) => Array.from({ length: channels }, (_, c) => values[c] ?? values[0]);
  return {
    normalization: range && { mean: spread(range.mean), std: spread(range.std) },
    rule: { ...(resize && { resize }), ...(channels === 3 && $("#order").value === "bgr" && { channels: "bgr" }) },
  };
}

const numbersIn = (field) =>
  $(field)
    .value.split(/[\s,;]+/)
    .filter(Boolean)
    .map(Number);

function refuse(field, text) {
  $(field).closest("details")?.setAttribute("open", "");
  say(text);
  $(field).focus();
  return null;
}

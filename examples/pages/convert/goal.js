// goal.js: what matters most to the visitor, as settings of a conversion.
import { $ } from "../page.js";
import { say } from "./words.js";

/** Goals in words, the number that goes with each, and the settings that it makes. */
const GOALS = {
  lossless: {
    text: "The fastest and smallest model whose outputs keep 24 dB of their signal: hardly an answer changes.",
    settings: () => ({ goal: { kind: "lossless" } }),
  },
  fast: {
    text: "The model that keeps most of those that take less time than the one without loss.",
    amount: { name: "Share of the time of the model without loss", unit: "%", value: 75, min: 30, max: 100 },
    settings: (percent) => ({ goal: { kind: "fast", time: percent / 100 } }),
  },
  small: {
    text: "The model that keeps most of those that are no larger than this.",
    amount: { name: "Size of the file, at most", unit: "KB", value: 300, min: 1, max: 1e6 },
    settings: (size) => ({ goal: { kind: "small", bytes: 1000 * size } }),
  },
  bits: {
    text: "Every weight gets so many bits, the first layer a few more. It takes a quarter of the time.",
    amount: { name: "Bits of a weight", unit: "bits", value: 4, min: 2, max: 6, whole: true },
    settings: (bits) => ({ bits }),
  },
};
/** Bits of a weight that "Smallest" begins with. */
const SMALL_BITS = 3;

const chosen = () => GOALS[$('input[name="goal"]:checked').value];

export function listenForGoals() {
  for (const input of document.querySelectorAll('input[name="goal"]')) input.addEventListener("change", show);
  show();
}

/** Sets the size that "Smallest" begins with. */
export function suggestSize(weights) {
  GOALS.small.amount.value = Math.max(1, Math.round((weights * SMALL_BITS) / 8000));
  show();
}

function show() {
  const { text, amount } = chosen();
  $("#goal-text").textContent = text;
  $("#amount-field").hidden = !amount;
  if (!amount) return;
  $("#amount-name").textContent = amount.name;
  $("#amount-unit").textContent = amount.unit;
  const { value, min, max, whole } = amount;
  Object.assign($("#amount"), { value, min, max, step: whole ? 1 : "any" });
}

/** The settings, or null where the number is none, which is then said. */
export function chosenSettings() {
  const { amount, settings } = chosen();
  if (!amount) return settings();
  const { name, min, max, whole } = amount;
  const text = $("#amount").value;
  const value = Number(text);
  if (text !== "" && value >= min && value <= max && !(whole && value % 1 !== 0)) return settings(value);
  say(`${name}: write a ${whole ? "whole " : ""}number from ${min} to ${max}.`);
  $("#amount").focus();
  return null;
}

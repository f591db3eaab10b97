// words.js: texts and lists of the page, and sentences for what goes wrong.
import { $ } from "../page.js";

/** An element with a class and a text. */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Shows a sentence above the page, or takes it away. */
export function say(text) {
  const box = $("#message");
  box.textContent = text ?? "";
  box.hidden = !text;
  if (text) box.scrollIntoView({ block: "nearest" });
}

/** Starts with a capital, unless it starts with the name of a file or a node, and ends with a full stop. */
export function sentence(text) {
  const isWord = /^[a-z]+[ ,]/.test(text);
  return `${isWord ? text[0].toUpperCase() : text[0]}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

const REASONS = {
  OVERFLOW: "There is not enough memory for this network on this device. Take a smaller input size or fewer pictures.",
  BAD_DATA: "The pictures do not fit the network.",
};

/** What an error of the Worker means. */
export function explain({ code, name, message }) {
  const known = REASONS[name === "RangeError" ? "OVERFLOW" : code];
  return known ? `${known} (${message})` : sentence(message);
}

/** Fills a list of terms; the third part of an entry is smaller. */
export function definitions(list, entries) {
  const items = entries.map(([term, value, more]) => {
    const entry = element("div");
    const definition = element("dd", "", value);
    if (more) definition.append(element("small", "", more));
    entry.append(element("dt", "", term), definition);
    return entry;
  });
  list.replaceChildren(...items);
}

/** Fills a list with texts, and hides it where there are none. */
export function bullets(list, texts) {
  list.hidden = texts.length === 0;
  list.replaceChildren(...texts.map((text) => element("li", "", text)));
}

export const times = (sizes) => sizes.join("×");
export const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

export function count(number) {
  return number >= 1e6 ? `${(number / 1e6).toFixed(2)} million` : number.toLocaleString("en");
}

/** Signal to noise; no error at all is 300 dB. */
export function decibels(snr, unit = "") {
  if (snr === null) return "–";
  return snr >= 300 ? "exact" : `${snr.toFixed(1)}${unit}`;
}

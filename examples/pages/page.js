// page.js: what every page has: frame, theme, offline copy, and errors in words that a visitor understands.

const PAGES = [
  ["draw", "Draw"],
  ["classify", "Classify"],
  ["camera", "Camera"],
  ["convert", "Convert"],
  ["benchmark", "Benchmark"],
  ["retrain", "Retrain"],
];

const LOGO = `<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="var(--shift)"/>
  <path d="M15 9l-6.5 7 6.5 7M23 9l-6.5 7 6.5 7" fill="none" stroke="var(--on-shift)" stroke-width="3"
  stroke-linecap="round" stroke-linejoin="round"/></svg>`;
const HALF_MOON = `<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.5" fill="none"
  stroke="currentColor" stroke-width="1.8"/><path d="M10 2.5a7.5 7.5 0 0 1 0 15z" fill="currentColor"/></svg>`;

/** The address of a file of these pages, in whatever folder of a host they lie. */
export const site = (path) => new URL(`../${path}`, import.meta.url).href;

/** Puts header and footer around the page's main part. */
export function frame() {
  const here = location.pathname.split("/").at(-2);
  const links = PAGES.map(([path, title]) => {
    const current = path === here ? ' aria-current="page"' : "";
    return `<a href="${site(path)}/"${current}>${title}</a>`;
  });
  const header = document.createElement("header");
  header.className = "top";
  header.innerHTML = `<div class="top-inner"><a class="brand" href="${site("")}">${LOGO}shiftwise</a>
    <nav aria-label="Pages">${links.join("")}</nav>
    <button class="theme" type="button" aria-label="Light or dark">${HALF_MOON}</button></div>`;
  const footer = document.createElement("footer");
  footer.innerHTML = `<p class="legal">Everything runs in this tab: no picture and no model leaves it. shiftwise, MIT licence.</p>`;
  document.body.prepend(header);
  document.body.append(footer);
  header.querySelector(".theme").addEventListener("click", switchTheme);
  // on a phone the row of pages is wider than the screen
  header.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  // an offline copy; without one the page works all the same
  navigator.serviceWorker?.register(site("sw.js")).catch(() => {});
}

/** Called before the body is drawn: the visitor's last choice, else what the system says. */
export function restoreTheme() {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  dispatchEvent(new Event("themechange"));
}

export const $ = (selector) => document.querySelector(selector);

/** The value of a colour of style.css as charts take it. */
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Shows an error above the page, or takes it away. */
export function tell(error) {
  const box = $("#message");
  box.hidden = !error;
  box.textContent = error ? explain(error) : "";
}

const REASONS = {
  ABORTED: "Loading was stopped.",
  BAD_FILE: "This is not a shiftwise model file.",
  BAD_GRAPH: "This model file does not describe a network that can run.",
  CHECKSUM: "The model file is damaged: its content is not what was written.",
  NETWORK: "The model could not be downloaded. Check the address and the connection, then try again.",
  OVERFLOW: "There is not enough memory for this model on this device.",
  TRUNCATED: "The model file is incomplete. The download was probably cut; try again.",
  IO: "The file could not be read.",
  BAD_DATA: "This picture cannot be used.",
  UNSUPPORTED: "This browser cannot run the model.",
};

const CAMERA = {
  NotAllowedError:
    "The camera was refused. Allow it for this page in the browser's settings, or drop a picture instead.",
  NotFoundError: "There is no camera here. Drop a picture instead.",
  NotReadableError: "The camera is in use by another program. Close that one, or drop a picture instead.",
};

/** One or two sentences, the technical reason in brackets. */
export function explain(error) {
  const known = REASONS[error.code] ?? CAMERA[error.name];
  return known ? `${known} (${error.message})` : `Something went wrong. (${error.message ?? error})`;
}

export function softmax(logits) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (x) => Math.exp(x - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** A row with a class, its share as a bar, and as a number. */
export function shareRow(name, share) {
  const row = document.createElement("div");
  row.className = "bar";
  const [label, bar, text] = ["b", "i", "u"].map((tag) => document.createElement(tag));
  label.textContent = name;
  label.title = name;
  bar.style.setProperty("--share", share.toFixed(4));
  text.textContent = percent(share);
  row.append(label, bar, text);
  return row;
}

/** Shows the likeliest classes, as topK gives them. */
export const showTop = (top) => $("#bars").replaceChildren(...top.map(({ label, share }) => shareRow(label, share)));

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

export function milliseconds(value) {
  if (value >= 100) return `${value.toFixed(0)} ms`;
  if (value >= 1) return `${value.toFixed(2)} ms`;
  return `${(value * 1000).toFixed(0)} µs`;
}

export function kilobytes(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1000).toFixed(1)} KB`;
}

/** How the time of one stands to that of another, of which it is so many times. */
export const faster = (times) => (times >= 1 ? `${times.toFixed(1)}x faster` : `${(1 / times).toFixed(1)}x slower`);

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

// files.js: what a visitor drops, chooses or pastes, sorted: a network, weights beside it, class names, pictures.
import { $ } from "../page.js";

const DATA = /\.(data|bin|weights|pb|onnx_data)$/i;
const PICTURE = /\.(jpe?g|png|webp|gif|bmp|avif|heic|tiff?)$/i;

const isPicture = (file) => file.type.startsWith("image/") || PICTURE.test(file.name);
const isText = (file) => !isPicture(file) && (file.type === "text/plain" || /\.(txt|names)$/i.test(file.name));

/** Hears of files, from wherever they come. */
export function listenForFiles(take) {
  for (const [button, input] of [
    [$("#choose"), $("#files")],
    [$("#choose-pictures"), $("#picture-files")],
  ]) {
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      take(files);
    });
  }
  for (const kind of ["dragover", "dragleave", "drop"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("dragging", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files]);
    });
  }
  addEventListener("paste", ({ clipboardData }) => take([...clipboardData.files]));
}

/**
 * Sorts files. What is neither a picture nor a text is taken for a network: reading it says what it is.
 * @param hasNetwork whether files of weights may belong to a network that was chosen before
 */
export function sortFiles(files, hasNetwork) {
  const pictures = files.filter(isPicture);
  const text = files.find(isText) ?? null;
  const others = files.filter((file) => !isPicture(file) && !isText(file));
  const networks = others.filter(({ name }) => /\.onnx$/i.test(name));
  const weights = others.filter(({ name }) => DATA.test(name));
  const unknown = others.find((file) => !weights.includes(file));
  const network = networks[0] ?? unknown ?? (hasNetwork ? null : weights[0]) ?? null;
  const spare = others.filter((file) => file !== network && !weights.includes(file));
  return { pictures, text, network, beside: weights.filter((file) => file !== network), spare };
}

/** Names of classes, a line each; those of ImageNet have a number of their own in front. */
export const labelsIn = (text) =>
  text
    .split(/\r?\n/)
    .map((line) => line.replace(/^n\d{8}\s+/, "").trim())
    .filter(Boolean);

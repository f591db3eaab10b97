// result.js: what became of a network: figures, outputs picture by picture, layers, and the model to take away.
import { $, faster, kilobytes, milliseconds } from "../page.js";
import { showLayers } from "./layers.js";
import { showOutput } from "./outputs.js";
import { takesPictures } from "./pictures.js";
import { bullets, decibels, definitions, element, product, sentence } from "./words.js";

const ratio = (a, b) => `${(a / b).toFixed(1)}x`;
const sized = (size, before) => (size > before ? `${ratio(size, before)} larger` : `${ratio(before, size)} smaller`);

/**
 * Shows the result.
 * @param result what the Worker says of it
 * @param facts those of the network
 * @param used the pictures that it was made with
 * @param seconds that it took
 * @param choose takes the number of a picture to run both networks on
 */
export function showResult(result, { facts, file, used, seconds, choose }) {
  const { quality, layers } = result;
  // what is the same for all pictures tells nothing
  const ratioOf = ({ differs, snr }) => (differs ? snr : null);
  const worst = quality.outputs.map(ratioOf).reduce((a, b) => ((b ?? 999) < (a ?? 999) ? b : a));
  $("#result-time").textContent = `in ${seconds} s, in this tab`;
  showFigures(result, facts, worst);
  $("#verdict").textContent = verdict(result, worst);
  bullets($("#warnings"), result.warnings.map(sentence));
  $("#layers-part").hidden = layers.length === 0;
  if (layers.length > 0) showLayers(layers, { chart: $("#layers"), line: $("#layer-line"), rows: $("#layer-rows") });
  showPick(used, choose);
  showDownload(result.file, file, facts);
  const box = $("#results");
  box.hidden = false;
  box.focus({ preventScroll: true });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  box.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

function showFigures({ file, gzipBytes, speed, quality, averageBits }, { weights }, worst) {
  const float = 4 * weights;
  const gzip = gzipBytes ? `; gzip ${kilobytes(gzipBytes)}` : "";
  const pictures = quality.images === 1 ? "picture" : "pictures";
  const answers = quality.outputs.find(({ agreement }) => agreement !== null);
  definitions($("#figures"), [
    ["Model file", kilobytes(file.length), `${sized(file.length, float)} than ${kilobytes(float)} of float32${gzip}`],
    [
      "One picture, this device",
      milliseconds(speed.shift),
      speed.float
        ? `${faster(speed.float / speed.shift)} than float32: ${milliseconds(speed.float)}`
        : "float32 does not run here",
    ],
    ["Bits of a weight", averageBits.toFixed(2), "on average, of 32"],
    [
      "Outputs keep",
      decibels(worst, " dB"),
      quality.heldOut ? `on ${quality.images} ${pictures} held out` : "on the pictures it was fitted to",
    ],
    ...(answers
      ? [
          [
            "Same answers",
            `${Math.round(answers.agreement * answers.answers)} of ${answers.answers}`,
            "of both networks",
          ],
        ]
      : []),
  ]);
}

const MISSED = {
  activations: "8-bit activations lose more than the goal allows, so this is the nearest model.",
  weights: "Even the widest levels lose more than the goal allows, so this is the nearest model.",
  time: "No model of this network is so fast; this one is the fastest.",
  size: "No model of this network is so small; this one is the smallest.",
};

function verdict({ missed, executor }, snr) {
  const words = [closeness(snr)];
  if (missed) words.push(MISSED[missed]);
  if (executor === "plain") {
    words.push("This browser runs no WebAssembly with SIMD here, so times are those of plain JavaScript.");
  }
  return words.join(" ");
}

function closeness(snr) {
  if (snr === null)
    return "The float network's output does not vary from picture to picture, so its loss cannot be measured. Take more, or other pictures.";
  if (snr >= 24) return "Very close to the float network.";
  if (snr >= 18) return "Close: answers that were a near thing may change. More pictures or more bits help.";
  if (snr >= 10) {
    return "Noticeably different. Check first how a pixel becomes the network's value; then take more pictures or more bits.";
  }
  return "Far from the float network. Most likely it was trained on pixels in another range: change that under Pictures, and convert again.";
}

function showPick(used, choose) {
  const items = used.map((picture, index) => {
    const label = element("label");
    const input = element("input");
    Object.assign(input, { type: "radio", name: "picture", value: String(index), checked: index === 0 });
    input.setAttribute("aria-label", `${index + 1}: ${picture.title}`);
    input.addEventListener("change", () => choose(index));
    const thumb = element("canvas");
    thumb.width = picture.thumb.width;
    thumb.height = picture.thumb.height;
    thumb.getContext("2d").drawImage(picture.thumb, 0, 0);
    label.append(input, thumb);
    return label;
  });
  $("#pick").replaceChildren($("#pick legend"), ...items);
}

/** Shows what both networks make of a picture, unless another one has been chosen since. */
export function showOutputs({ index, outputs }, facts) {
  const chosen = Number($('input[name="picture"]:checked')?.value);
  if (index === chosen) $("#outputs").replaceChildren(...outputs.map((output) => showOutput(output, facts)));
}

function showDownload(bytes, file, facts) {
  const name = `${file.name.replace(/\.[^.]*$/, "") || "model"}.safetensors`;
  const link = $("#download");
  if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  $("#code").textContent = linesFor(name, facts);
}

/** Ten lines at most that load and run the model in a page. */
function linesFor(name, { inputs, outputs: [output] }) {
  const valuesFor = ({ shape }) => (takesPictures(shape) ? '"/photo.jpg"' : `new Float32Array(${product(shape)})`);
  const named = inputs.map((input) => `${JSON.stringify(input.name)}: ${valuesFor(input)}`);
  const argument = inputs.length === 1 ? valuesFor(inputs[0]) : `{ ${named.join(", ")} }`;
  const isVector = output.dims.filter((n) => n > 1).length === 1;
  return [
    `import { Model${isVector ? ", topK" : ""} } from "shiftwise";`,
    "",
    `const model = await Model.load(${JSON.stringify(`/${name}`)});`,
    `const outputs = await model.run(${argument});`,
    `const values = outputs[${JSON.stringify(output.name)}]; // ${output.dims.join("x")}`,
    ...(isVector
      ? ["for (const { label, share } of topK(values, 5, model.labels)) {", "  console.log(label, share);", "}"]
      : ["console.log(values.length);"]),
  ].join("\n");
}

export function listenForCopy() {
  $("#copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("#code").textContent);
      $("#copied").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren($("#code"));
      $("#copied").textContent = "This browser does not let the page copy. The lines are selected: press Ctrl+C.";
    }
  });
}

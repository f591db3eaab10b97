// network.js: what a network is, what keeps it from being converted, and the sizes that its file leaves open.
import { $, kilobytes } from "../page.js";
import { takesPictures } from "./pictures.js";
import { bullets, count, definitions, element, product, sentence, times } from "./words.js";

/** Hides all that was said of a network. */
export function forgetNetwork(text) {
  for (const part of ["#facts", "#more-facts", "#refusal", "#sizes"]) $(part).hidden = true;
  $("#network-state").textContent = text;
}

/**
 * Shows the facts.
 * @param content what is in the file: operators and nodes
 */
export function showFacts(file, facts, content) {
  forgetNetwork(`${file.name} can be converted.`);
  const { inputs, outputs, labels } = facts;
  const sizes = (ports) => ports.map(({ dims }) => times(dims)).join(", ");
  const names = (ports) => ports.map(({ name }) => name).join(", ");
  definitions($("#facts"), [
    [inputs.length > 1 ? "Inputs" : "Input", sizes(inputs), names(inputs)],
    [outputs.length > 1 ? "Outputs" : "Output", sizes(outputs), names(outputs)],
    ["Weights", count(facts.weights)],
    ["File", kilobytes(file.size)],
    ["Class names", labels ? String(labels.length) : "none"],
  ]);
  const operators = Object.entries(content.operators).sort((a, b) => b[1] - a[1]);
  const each = operators.map(([op, n]) => `${n} ${op}`).join(", ");
  $("#operators").textContent = `${content.nodes} nodes: ${each}.`;
  const remarks = facts.remarks.map(sentence);
  if (inputs.some(({ shape }) => !takesPictures(shape))) {
    remarks.push(
      "An input takes no pictures, so it gets random values. Sizes and times hold; what the model loses may be another.",
    );
  }
  const values = product(outputs[0].dims);
  if (labels && outputs.length === 1 && labels.length !== values) {
    remarks.push(`There are ${labels.length} class names for ${values} values of the output.`);
  }
  bullets($("#remarks"), remarks);
  $("#facts").hidden = false;
  $("#more-facts").hidden = false;
}

/**
 * Says what keeps a file from being read, and offers what can be done on this page.
 * @param content what is in the file; null where it could not be read at all
 * @param read takes options to read it with
 */
export function refuse(file, content, { code, message }, read) {
  const open = code === "BAD_OPTION" && content ? openInputs(content) : [];
  if (open.length > 0) return askForSizes(file, open, read);
  const [head, ...lines] = message.split("\n").map((line) => line.trim());
  const offered = lines.at(-1)?.match(/^what comes before can be imported, with outputs? (.+)$/);
  if (offered) lines.pop();
  forgetNetwork(`${file.name} cannot be converted as it is.`);
  $("#refusal-head").textContent = lines.length > 0 && HEADS[code] ? HEADS[code] : sentence(head.replace(/:$/, ""));
  bullets($("#refusal-list"), lines.map(inWords));
  const cut = $("#cut");
  cut.hidden = !offered;
  if (offered) {
    cut.textContent = `Take the part before, up to ${offered[1]}`;
    cut.onclick = () => read({ outputs: offered[1].split(", ") });
  }
  $("#refusal").hidden = false;
}

/** What a list of problems is about. */
const HEADS = {
  UNSUPPORTED: "The network has parts that do not run here:",
  BAD_GRAPH: "Parts of the network do not fit together:",
};

const inWords = (line) =>
  sentence(line.replace(/([\w.]+): operator, opset (\d+)$/, "the operator $1 of opset $2 is not known here"));

/** Inputs with sizes that the file leaves open; the first size is the batch. */
function openInputs({ inputs }) {
  const sizes = ({ dims }) => (dims && dims.length > 1 ? dims.slice(1) : (dims ?? [null, null, null]));
  return inputs.map((input) => ({ ...input, sizes: sizes(input) })).filter((one) => one.sizes.includes(null));
}

function askForSizes(file, open, read) {
  forgetNetwork(`${file.name} needs sizes.`);
  const fields = open.flatMap(({ name, sizes }) => {
    const planes = sizes.length === 3 && sizes[2] !== 1 && sizes[2] !== 3;
    return sizes.map((size, i) => {
      const label = element("label", "field");
      const input = element("input");
      Object.assign(input, { type: "number", min: "1", max: "16384", required: true, readOnly: size !== null });
      input.value = String(size ?? (planes && i === 0 ? 3 : 224));
      input.dataset.input = name;
      const part = planes ? ["channels", "height", "width"][i] : `size ${i + 1}`;
      label.append(element("span", "", open.length > 1 ? `${name}, ${part}` : part), input);
      return label;
    });
  });
  $("#size-fields").replaceChildren(...fields);
  $("#sizes").onsubmit = (event) => {
    event.preventDefault();
    const inputShape = {};
    for (const { dataset, value } of document.querySelectorAll("#size-fields input")) {
      inputShape[dataset.input] ??= [];
      inputShape[dataset.input].push(Number(value));
    }
    read({ inputShape });
  };
  $("#sizes").hidden = false;
}

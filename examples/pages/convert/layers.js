// layers.js: what each layer keeps, as bars and as a table.
import { decibels, element } from "./words.js";

const LINE = 10;
const LEAST = 40;

/**
 * Shows the layers in the network's order.
 * @param show.chart the bars' box
 * @param show.line where the layer that is pointed at is named
 * @param show.rows the table's body
 */
export function showLayers(layers, { chart, line, rows }) {
  const finite = layers
    .flatMap(({ ownSnr, outputSnr }) => [ownSnr, outputSnr])
    .filter((snr) => snr !== null && snr < 300);
  const top = LINE * Math.ceil(Math.max(LEAST, ...finite) / LINE);
  const lines = element("div", "lines");
  for (let at = 0; at <= top; at += LINE * Math.ceil(top / 60)) {
    const place = `${100 - (100 * at) / top}%`;
    const [mark, label] = [element("i"), element("b", "", String(at))];
    mark.style.top = place;
    label.style.top = place;
    lines.append(mark, label);
  }
  const share = (snr) => `${(100 * Math.max(0, Math.min(top, snr ?? 0))) / top}%`;
  const bars = element("div", "bars-of");
  bars.setAttribute("role", "img");
  const least = layers.filter(({ ownSnr }) => ownSnr !== null).sort((a, b) => a.ownSnr - b.ownSnr)[0];
  const weakest = least ? `; ${least.name} keeps least, ${decibels(least.ownSnr)} dB` : "";
  bars.setAttribute("aria-label", `Bars for ${layers.length} layers${weakest}. The table below has all of them.`);
  for (const layer of layers) {
    const box = element("div", "layer");
    const own = element("div", "own");
    own.style.height = share(layer.ownSnr);
    const far = element("div", "far");
    far.style.bottom = `calc(${share(layer.outputSnr)} - 1px)`;
    box.append(own, far);
    const name = () => {
      for (const chosen of bars.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
      box.classList.add("chosen");
      line.textContent = `${layer.name}: ${decibels(layer.ownSnr)} dB by its own rounding, ${decibels(layer.outputSnr)} dB with all before it, ${layer.bits} bits, ${layer.weights.toLocaleString("en")} weights`;
    };
    box.addEventListener("pointerenter", name);
    box.addEventListener("click", name);
    bars.append(box);
  }
  chart.replaceChildren(lines, bars);
  const cells = ({ weights, bits, ownSnr, outputSnr }) => [
    weights.toLocaleString("en"),
    bits,
    decibels(ownSnr),
    decibels(outputSnr),
  ];
  rows.replaceChildren(
    ...layers.map((layer) => {
      const row = element("tr");
      const head = element("th", "", layer.name);
      head.scope = "row";
      row.append(head, ...cells(layer).map((cell) => element("td", "", String(cell))));
      return row;
    }),
  );
}

// progress.js: the steps of a conversion, and how far it is.
import { $ } from "../page.js";
import { element } from "./words.js";

/** Steps, and the part of the bar at whose end each is. */
const STEPS = {
  reading: { title: "Read the pictures", end: 0.03 },
  calibrating: { title: "Calibrate", end: 0.08 },
  "comparing levels": { title: "Compare levels", end: 0.62 },
  rounding: { title: "Round", end: 0.95 },
  measuring: { title: "Measure", end: 1 },
};
/** A goal may round more than once: each trial has so much of what is left for rounding. */
const TRIAL = 0.6;

/** @param hasGoal without one no levels are compared, and there is one trial */
export function createProgress(hasGoal) {
  const names = Object.keys(STEPS).filter((name) => name !== "comparing levels" || hasGoal);
  const start = performance.now();
  let [from, to, trials] = [0, 0, 0];
  let said = "";
  const seconds = () => Math.round((performance.now() - start) / 1000);
  const show = () => {
    $("#detail").textContent = `${seconds()} s${said ? `, ${said}` : ""}`;
  };
  const clock = setInterval(show, 1000);

  return {
    begin(name) {
      const at = names.indexOf(name);
      if (name === "rounding") trials++;
      const { end } = STEPS[name];
      from = trials > 1 ? $("#progress").value : (STEPS[names[at - 1]]?.end ?? 0);
      to = name === "rounding" && hasGoal ? from + (end - from) * TRIAL : end;
      const trial = name === "rounding" && trials > 1 ? `, trial ${trials}` : "";
      const items = names.map((step, i) => {
        const item = element("li", "", step === name ? `${STEPS[step].title}${trial}` : STEPS[step].title);
        item.dataset.is = i < at ? "done" : i === at ? "now" : "to come";
        if (i === at) item.setAttribute("aria-current", "step");
        return item;
      });
      $("#steps").replaceChildren(...items);
      $("#state").textContent = `${STEPS[name].title}${trial}: step ${at + 1} of ${names.length}.`;
      this.update(0, "");
    },
    update(share, detail) {
      $("#progress").value = from + (to - from) * share;
      said = detail;
      show();
    },
    end: () => clearInterval(clock),
    seconds,
  };
}

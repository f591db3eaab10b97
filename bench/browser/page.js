// page.js: what runs in the browser: all contestants that a browser has. Bundled by browser.js.
import { litertContestants } from "../contestants/litert.js";
import { multiplyContestants } from "../contestants/multiply.js";
import { webContestants } from "../contestants/onnxruntime.js";
import { floatContestant, shiftContestants } from "../contestants/shiftwise.js";
import { tfjsContestant } from "../contestants/tfjs.js";
import { runTasks } from "../run.js";

/** Called from outside the page; `report` tells how far it is. */
globalThis.bench = async ({ settings, only, ids, multiply, tfjs, litert }) => {
  const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const all = [
    ...shiftContestants,
    floatContestant,
    ...multiplyContestants({ plain: await bytes(multiply.plain), relaxed: await bytes(multiply.relaxed) }),
    tfjsContestant(tfjs),
    ...webContestants,
    ...litertContestants(litert),
  ];
  return runTasks({
    contestants: ids ? all.filter(({ id }) => ids.includes(id)) : all,
    settings,
    only,
    threads: ids === null,
    // the answer comes in a task of its own: the browser gets to sweep memories that are no longer used
    onTask: (...progress) => globalThis.report(...progress),
    onNetwork: () => {},
    collect: () => {},
  });
};

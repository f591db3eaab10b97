// index.js: the bench in Node: all contestants, and cold starts in fresh processes. `node bench/index.js --help`.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SingleBar } from "cli-progress";
import { measureCold } from "./cold.js";
import { multiplyContestants } from "./contestants/multiply.js";
import { nativeContestants, webContestants } from "./contestants/onnxruntime.js";
import { floatContestant, shiftContestants } from "./contestants/shiftwise.js";
import { tfjsContestant } from "./contestants/tfjs.js";
import { machine } from "./machine.js";
import { buildMultiply } from "./multiply/build.js";
import { readOptions } from "./options.js";
import { publish } from "./publish.js";
import { runTasks } from "./run.js";

/** A full collection costs more than a small task. */
const TASKS_A_COLLECTION = 12;

const options = readOptions("bench", "node");
process.exitCode = await main(options);

async function main({ only, ids, settings, command, ...output }) {
  const start = performance.now();
  const all = [
    ...shiftContestants,
    floatContestant,
    ...multiplyContestants(await buildMultiply()),
    tfjsContestant(),
    ...webContestants,
    ...nativeContestants,
  ];
  const bar = new SingleBar({ format: "{bar} {value}/{total}  {task}", stream: process.stderr });
  bar.start(1, 0, { task: "making the networks" });
  const coldStart = [];
  const measured = await runTasks({
    contestants: ids ? all.filter(({ id }) => ids.includes(id)) : all,
    settings,
    only,
    threads: ids === null,
    onTask: (task, done, total) => {
      bar.setTotal(total);
      bar.update(done, { task });
    },
    onNetwork: async (task) => {
      bar.update({ task: `${task.name}, cold start` });
      if (ids === null) coldStart.push(...(await measureCold(task, settings.coldRounds)));
    },
    collect: collector(),
  });
  bar.update(bar.getTotal(), { task: "done" });
  bar.stop();
  const seconds = (performance.now() - start) / 1000;
  return publish("node", { machine: machine(command), settings, seconds, ...measured, coldStart }, output);
}

/** Models of finished tasks hold large memories until they are collected. */
function collector() {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  let tasks = 0;
  return () => {
    if (++tasks % TASKS_A_COLLECTION === 0) collect();
  };
}

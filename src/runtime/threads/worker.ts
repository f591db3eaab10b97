// worker.ts: the entry of a helper thread, a module worker of the browser or of Node.
import { plus } from "../../base/index.js";
import { ownPort } from "../../base/thread.js";
import type { ModelDef } from "../../model/index.js";
import { instantiate } from "../kernels.js";
import { planModel } from "../plan.js";
import { follow } from "./team.js";

/** First and only message to a helper; it answers "ready" and then never returns to its event loop. */
export interface Summons {
  readonly def: ModelDef;
  readonly modules: readonly WebAssembly.Module[];
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  /** 1 for the first helper; the leading thread is 0. */
  readonly seat: number;
  readonly threads: number;
}

const port = ownPort();
port.listen((message) => {
  const { def, modules, memory, words, seat, threads } = message as Summons;
  // the same model gives the same plan, so only the weights' bytes need sharing
  const plan = planModel(def, { threads });
  plan.memory.forget();
  const scratch = plus(plan.scratch, seat * plan.use.scratch);
  const kernels = instantiate(modules, memory);
  port.post("ready");
  follow({ words, steps: plan.steps, kernels, scratch, seat, threads });
});

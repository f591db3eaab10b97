// lane-worker.ts: the program of a thread that rounding shares its images with.
import { ShiftwiseError } from "../base/index.js";
import { ownPort } from "../base/thread.js";
import { type Answer, type Asked, createLane, type Found } from "./lane.js";

const port = ownPort();
const lane = createLane();
port.listen((message) => {
  const { id, request } = message as Asked;
  const answer = (part: { found: Found } | { failure: { code: ShiftwiseError["code"]; message: string } }) =>
    port.post({ id, ...part } satisfies Answer);
  try {
    answer({ found: lane(request) });
  } catch (error) {
    // what is no error of ours ends the thread, which its starter hears of
    if (!(error instanceof ShiftwiseError)) throw error;
    answer({ failure: { code: error.code, message: error.message } });
  }
});
port.post("ready");

// shown.test.js: the progress lines of a conversion's steps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { showSteps } from "../../dist/cli/shown.js";

test("a step that comes again is numbered as another trial, and ends the one before", () => {
  const heard = [];
  const progress = (step) => ({
    update: (share) => heard.push(`${step} ${share}`),
    done: () => heard.push(`${step} done`),
  });
  const steps = showSteps({ progress });
  for (const step of ["calibrating", "rounding", "rounding", "rounding", "timing"]) steps.begin(step);
  steps.update(0.5);
  steps.done();
  assert.deepEqual(heard, [
    "calibrating done",
    "rounding done",
    "rounding, trial 2 done",
    "rounding, trial 3 done",
    "timing 0.5",
    "timing done",
  ]);
});

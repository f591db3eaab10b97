// microsoft.ts: operators of the domain com.microsoft, which onnxruntime's optimizer leaves in a file.
import { type Step, stepsOf } from "../../ops/index.js";
import { isActivation } from "../draft.js";
import { map, zip } from "./arrays.js";
import { combined } from "./binary.js";
import { onlyActivation, optional, required, resultName } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { float } from "./spec.js";
import { elementwise, GELU, GELU_TANH, stepped, swish } from "./steps.js";

/** A function of the sum of an input and a bias, which may be left out. */
function biased(steps: readonly Step[]): Operator {
  const f = stepsOf(steps);
  return operator(
    {},
    {
      evaluate(call) {
        const [x, bias] = [required(call, 0), optional(call, 1)];
        return [map(call, bias ? zip(call, x.type, [x, bias], (a, b) => a + b) : x, f)];
      },
      convert(conversion) {
        const { operands } = conversion;
        const [a, b = null] = operands;
        if (b === null || a === null) return [stepped(conversion, onlyActivation(conversion), steps)];
        const [x, bias] = isActivation(a) ? [a, b] : [b, a];
        return [stepped(conversion, combined(conversion, "add", x, bias, `${resultName(conversion)}.sum`), steps)];
      },
    },
  );
}

export const MICROSOFT: Operators = {
  "com.microsoft.BiasGelu": biased(GELU),
  "com.microsoft.FastGelu": biased(GELU_TANH),
  "com.microsoft.Gelu": elementwise({}, () => GELU),
  "com.microsoft.QuickGelu": elementwise({ alpha: float(1.702) }, ({ alpha }) => swish(alpha)),
};

// given.ts: the kinds of values that training takes besides networks and images: its options, and who steers it.
import { frozenCopy, is } from "../base/index.js";
import { AUGMENTATION } from "../data/browser.js";
import { NETWORK } from "../graph/index.js";
import type {
  CheckpointOptions,
  CommonOptions,
  Control,
  Distillation,
  EvaluateOptions,
  ParameterGroup,
} from "./options.js";
import type { RateSchedule } from "./rate-schedule.js";

const NUMBER = is.optional(is.number);
/** More would not be workers but a mistake. */
export const THREADS = is.optional(is.integer(1, 1024));

const STEP = is.record<Extract<RateSchedule, { kind: "step" }>>({
  kind: is.text,
  at: is.list(is.number),
  factor: is.number,
  warmUp: NUMBER,
});
const OTHER = is.record<Extract<RateSchedule, { kind: "cosine" }>>({
  kind: is.oneOf("constant", "step", "cosine"),
  final: NUMBER,
  warmUp: NUMBER,
});
const SCHEDULE = is.either((value) => (value as RateSchedule | undefined)?.kind === "step", STEP, OTHER);

const GROUP = is.record<ParameterGroup>({
  nodes: is.optional(is.list(is.text)),
  fields: is.optional(is.list(is.text)),
  rate: NUMBER,
  weightDecay: NUMBER,
});

/**
 * Options that all kinds of training have; their ranges are for checkCommon to check.
 * @internal
 */
export const COMMON = frozenCopy({
  batchSize: is.number,
  learningRate: is.number,
  momentum: NUMBER,
  nesterov: is.optional(is.boolean),
  weightDecay: NUMBER,
  groups: is.optional(is.list(GROUP)),
  average: NUMBER,
  schedule: is.optional(SCHEDULE),
  augment: is.optional(AUGMENTATION),
  seed: NUMBER,
  threads: THREADS,
  labelSmoothing: NUMBER,
  clip: NUMBER,
  batchNorm: is.optional(is.oneOf("train", "frozen")),
  distill: is.optional(is.record<Distillation>({ teacher: NETWORK, temperature: NUMBER, share: NUMBER })),
  checkpoint: is.optional(
    is.record<CheckpointOptions>({ path: is.text, everySeconds: NUMBER, resume: is.optional(is.boolean) }),
  ),
} as const satisfies { readonly [Name in keyof CommonOptions]-?: is.Kind });

export const CONTROL = is.record<Control>({ signal: is.optional(is.signal), onProgress: is.optional(is.callback) });

export const EVALUATE = is.record<EvaluateOptions>({
  threads: THREADS,
  batchSize: is.optional(is.integer(1)),
  signal: is.optional(is.signal),
});

// unjudged.ts: goals that nothing can judge: samples that are all alike, and networks that make the same of all of them.
import { countOf, type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { inferShapes, inputsOf, type Network } from "../graph/index.js";
import { elements } from "../ops/index.js";
import { type OutputFidelity, samplesToHold } from "../training/index.js";
import { type Goal, isTelling, LOSSLESS } from "./goal/index.js";
import type { StillInputs } from "./still-inputs.js";

/**
 * The reason why nothing tells what a model loses on samples that nobody has seen: there is one sample, or one is held out for an output of one
 * number; all samples are equal; or the float network makes the same of all of them.
 */
export type Unjudged = "one sample" | "equal samples" | "equal outputs";

/** The judgement of a goal, before anything is rounded. */
export interface Judgement {
  readonly unjudged: Unjudged | null;
  /** Whether each output counts; all do where none can judge. */
  readonly telling: readonly boolean[];
  /** Warnings; none where all outputs judge. */
  readonly texts: readonly string[];
}

/** The evidence by which a goal can be judged, or not. */
export interface Judging {
  readonly network: Network;
  readonly goal: Goal;
  /** Those of the network against itself, or against itself with rounded activations, on the samples held out. */
  readonly outputs: readonly OutputFidelity[];
  readonly held: Samples | SamplesByInput;
  /** The samples held out and the ones that calibrate. */
  readonly all: Samples | SamplesByInput;
  /** Bits of the weights where they take the goal's place. */
  readonly bits: number;
  /** Layers whose inputs do not vary. */
  readonly still: StillInputs | null;
}

/** Says whether a goal can be judged. */
export function judgementOf(judging: Judging): Judgement {
  const { goal, outputs, held } = judging;
  const wantsAnswers = goal.kind === "lossless" && goal.agreement !== undefined;
  const telling = outputs.map((output) => isTelling(output) && (!wantsAnswers || output.agreement !== null));
  if (telling.some(Boolean))
    return {
      unjudged: null,
      telling,
      texts: [
        ...unheardText(outputs),
        ...outputs.flatMap((one) => nearlyText(one, goal)),
        ...fewAnswersText(
          outputs.filter((_, i) => telling[i]),
          countOf(held),
          goal,
        ),
      ],
    };
  const unjudged = whyUnjudged(judging);
  return { unjudged, telling: telling.map(() => true), texts: [unjudgedText(unjudged, judging)] };
}

/** Says why no output of a network can judge a goal. */
function whyUnjudged({ network, held, all }: Judging): Unjudged {
  if (countOf(all) === 1) return "one sample";
  const isOne = countOf(held) === 1;
  if (areEqual(network, isOne ? all : held)) return "equal samples";
  const shapes = inferShapes(network);
  const isNumber = network.outputs.every((name) => elements(shapes.get(name)!) === 1);
  return isOne && isNumber ? "one sample" : "equal outputs";
}

/** Whether all samples are the same to the bit. */
function areEqual(network: Network, samples: Samples | SamplesByInput): boolean {
  const { count, read } = samplesReader(inputsOf(network), samples, network.name);
  const first = read(0, 1);
  for (let i = 1; i < count; i++) {
    for (const [name, values] of read(i, 1)) {
      const other = first.get(name)!;
      if (!values.every((value, at) => value === other[at])) return false;
    }
  }
  return true;
}

/** The share of an output's variance between samples below which its dB say little of what differs. */
const LITTLE = 0.01;
/** The most decibels that a warning asks for: float32 itself has hardly more. */
const MOST = 100;
const MORE = "give 32 samples or more, of the kind that the model will see";

/** Says that a goal is not judged, what comes of that, and what to do. */
function unjudgedText(why: Unjudged, { network, goal, held, all, bits, still }: Judging): string {
  const result =
    goal.kind === "lossless" ? `weights get ${bits} bits instead of a goal` : "layers go by what each loses by itself";
  switch (why) {
    case "one sample": {
      const one = countOf(all) > 1 ? "one sample held out, whose output is one number," : "one sample";
      return `${one} cannot tell what a model loses on others, so ${result}; ${MORE}`;
    }
    case "equal samples": {
      const isAll = areEqual(network, all);
      const which = isAll ? `${countOf(all)} samples` : `${countOf(held)} samples held out`;
      const ranges = isAll ? ", and ranges of activations fit these samples alone" : "";
      return `the ${which} are equal, which cannot tell what a model loses on others, so ${result}${ranges}. Are they black, empty, or copies? If so, ${MORE}`;
    }
    case "equal outputs": {
      const cause = still
        ? `Nothing that varies reaches layer "${still.first}": the layers before it are dead`
        : "Its answers are always the same, or its last layers are dead or at a bound";
      return `the float network makes the same of all samples, though they differ, which cannot tell what a model loses on others, so ${result}. ${cause}, or the samples are in another range than in training`;
    }
  }
}

/** Names outputs that do not count for a goal beside others that do. */
function unheardText(outputs: readonly OutputFidelity[]): string[] {
  const names = outputs.filter((output) => !isTelling(output)).map(({ name }) => `"${name}"`);
  if (names.length === 0) return [];
  const [which, are, them] = names.length > 1 ? ["outputs", "are", "them"] : ["output", "is", "it"];
  return [
    `${which} ${names.join(", ")} of the float network ${are} the same for all samples, so the goal is judged by the others alone: layers before ${them} may be dead, or ${them === "it" ? "it needs" : "they need"} other samples`,
  ];
}

/** Says of an output that is no list of names how little of what its dB count differs from sample to sample. */
function nearlyText({ name, differs, between, kl, agreement }: OutputFidelity, goal: Goal): string[] {
  if (!differs || between === null || between >= LITTLE || (kl === null && agreement !== null)) return [];
  const less = Math.round(-10 * Math.log10(Math.max(between, 1e-12)));
  const share = between < 1e-4 ? "less than 0.01" : Number((100 * between).toPrecision(2));
  const wanted = goal.kind === "lossless" ? (goal.snr ?? LOSSLESS) : LOSSLESS;
  const more =
    wanted + less > MOST
      ? ""
      : `, or ask for ${wanted + less} dB (--loss ${wanted + less}), which keeps ${wanted} of that`;
  return [
    `output "${name}" is nearly the same for all samples: ${share} % of its variance lies between them, so ${less} of its dB say nothing of what differs. If pixels had another range in training, set it (--range, --mean, --std). Else give samples that differ more${more}`,
  ];
}

/** Answers by which any share of them is judged, at least. */
const LEAST_ANSWERS = 50;
/** No number of equal answers shows that all are equal: so many say that 99 % are. */
const ALL_ANSWERS = 300;
/** The chance with which so many equal answers come of a smaller share. */
const CHANCE = 0.05;

/**
 * The answers that it takes to tell a share of them from all; for all of them, those that say 99 %.
 * @internal
 */
export const answersFor = (agreement: number): number =>
  agreement === 1 ? ALL_ANSWERS : Math.max(LEAST_ANSWERS, Math.round(1 / (1 - agreement)));

/** Says that so few answers cannot show the share of them that a goal asks for. */
function fewAnswersText(outputs: readonly OutputFidelity[], held: number, goal: Goal): string[] {
  if (goal.kind !== "lossless" || goal.agreement === undefined) return [];
  const answers = Math.min(...outputs.map((output) => output.answers!));
  const enough = answersFor(goal.agreement);
  if (answers >= enough) return [];
  const samples = samplesToHold(Math.ceil((enough * held) / answers));
  const why =
    goal.agreement === 1
      ? `cannot tell that all are equal: ${Math.floor(100 * CHANCE ** (1 / answers))} % or more of others are, as far as these tell, if all of these are`
      : `cannot tell ${Number((100 * goal.agreement).toPrecision(8))} % from all, as each is ${Number((100 / answers).toPrecision(2))} %`;
  return [
    `${answers} answer${answers === 1 ? "" : "s"} of the samples held out ${why}. Give ${samples} samples or more, of which ${enough} answers or more are held out`,
  ];
}

// defaults.ts: what a conversion does where nothing is set; the command prints these in its help.
import { frozenCopy } from "../base/index.js";
import type { Augmentation } from "../data/browser.js";
import type { ActivationScheme } from "../quantize/index.js";
import { type Goal, LOSSLESS } from "./goal/goal.js";

/** The settings of every conversion where none is given. */
export const DEFAULTS = frozenCopy({
  activations: { kind: "linear", bits: 8 } as ActivationScheme,
  seed: 1,
  /** Threads that train; a browser has no more. The command uses `commandThreads`. */
  threads: 1,
  commandThreads: 2,
  /** Defaults of quantizeFromImages. */
  images: {
    /** The most images that the command reads. */
    count: 512,
    /** Unless bits, levels, twoTerm, price or budget are set. */
    goal: { kind: "lossless", snr: LOSSLESS } as Goal,
    /** Bits of the weights. */
    bits: 4,
    levels: "two-term",
    twoTerm: 6,
    price: 0,
    zeros: 0,
    /** Bytes. */
    memory: 2e9,
    minutes: 0,
    portions: [1] as readonly number[],
    batchSize: 32,
    learningRate: 0.003,
  },
  /** Defaults of quantizeByRetraining, beside what recipeFor says for a width. */
  retraining: {
    /** Bits of the weights. */
    bits: 5,
    /** INQ's own; recipeFor has others at 2 and 3 bits. */
    levels: "powers-paper",
    batchSize: 128,
    weightDecay: 5e-4,
    augment: { shift: 1 } as Augmentation,
    sparsity: 0,
    pruneEpochs: 12,
    /** After each portion but the last, where portions are set and epochs are not. */
    epochs: 2,
  },
  /** Defaults of quantizeByMethod. */
  methods: { epochs: 2, learningRate: 0.01 },
} as const);

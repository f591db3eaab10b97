// surroundings.ts: what converting a model needs besides its nodes, and how it says what is worth knowing.
import type { Budget } from "./budget.js";
import type { Draft } from "./draft.js";

/** The weight of a remark: a warning of what may be wrong, or a note of what is worth knowing. */
export type RemarkLevel = "warning" | "note";
/** Says what is no problem: a warning of what may be wrong, or a note of what is worth knowing. */
export type Remark = (level: RemarkLevel, where: string, message: string) => void;

/** The things that converting a model's nodes needs besides them. */
export interface Surroundings {
  readonly draft: Draft;
  readonly budget: Budget;
  /** The batch that stands in the file, which is read as 1; 1 where none does. */
  readonly batch: number;
  /** Leave out a softmax that makes an output. */
  readonly logits: boolean;
  readonly remark: Remark;
}

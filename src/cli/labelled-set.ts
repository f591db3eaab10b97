// labelled-set.ts: a labelled set for a network whose classes have names, and a part of it as pictures to measure on.
import { ShiftwiseError } from "../base/index.js";
import {
  type Dataset,
  imageLength,
  type LabelledImages,
  numberedText,
  openDataset,
  size,
  type TrainTest,
} from "../data/index.js";
import { count, counted } from "../report/index.js";

/**
 * Opens a data set. Where both the set and the network name their classes, the set's are put in the network's order: folders have that
 * of the alphabet. Says how classes were numbered otherwise, and how many images were held out.
 * @param labels names of the network's classes
 * @throws BAD_DATA for names that are not the network's; as openDataset
 */
export async function openLabelledSet(
  path: string,
  classes: number | null,
  labels: readonly string[] | undefined,
  say: (line: string) => void,
): Promise<TrainTest> {
  const set = await openDataset(path, classes === null ? {} : { classes });
  sayHeldOut(set, say);
  const { classNames } = set.train;
  const asNamed = (differ: boolean): TrainTest => {
    if (set.numbered && classNames) say(numberedText(classNames, differ));
    return set;
  };
  if (!labels || !classNames) return asNamed(false);
  // what takes the set refuses it
  if (labels.length !== classNames.length) return set;
  if (classNames.every((name, i) => name === labels[i])) return set;
  const numbers = classNames.map((name) => labels.indexOf(name));
  const unknown = classNames.filter((_, i) => numbers[i] < 0);
  if (unknown.length === classNames.length) return asNamed(true);
  if (unknown.length > 0) {
    throw new ShiftwiseError("BAD_DATA", "classes that the network does not name", {
      where: path,
      expected: `${labels.join(", ")}; --labels names others`,
      found: unknown.join(", "),
    });
  }
  const renumbered = (part: Dataset): Dataset => ({
    ...part,
    classNames: labels,
    labels: part.labels.map((label) => numbers[label]),
  });
  return { train: renumbered(set.train), test: renumbered(set.test) };
}

/** Says how many images train and how many test, where the set was not in two parts. */
export function sayHeldOut({ train, test, heldOut }: TrainTest, say: (line: string) => void): void {
  if (!heldOut) return;
  say(
    `${counted(size(train), "picture")} to train on, ${count(size(test))} held out to test: every fifth of each class`,
  );
}

/** A part of a set as pictures that can be measured on and shown. */
export function picturesOf(part: Dataset): LabelledImages {
  const length = imageLength(part);
  const count = size(part);
  return {
    count,
    labels: Uint32Array.from(part.labels),
    names: Array.from({ length: count }, (_, i) => `picture ${i}`),
    classNames: part.classNames ?? null,
    remarks: [],
    read: async (index) => part.images.subarray(index * length, (index + 1) * length),
  };
}

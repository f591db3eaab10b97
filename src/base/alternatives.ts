// alternatives.ts: numbers of which one is wanted, as a part of a sentence.

/** Rising integers in words: "2 or 4", and of three and more that follow one another "2 to 6". */
export function alternatives(numbers: readonly number[]): string {
  const runs: number[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.at(-1) === number - 1) run.push(number);
    else runs.push([number]);
  }
  const texts = runs.flatMap((run) => (run.length > 2 ? [`${run[0]} to ${run.at(-1)}`] : run.map(String)));
  return texts.length > 2 ? `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}` : texts.join(" or ");
}

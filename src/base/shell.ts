// shell.ts: words of a command line as a person can copy them.

/** The word as a POSIX shell takes it: in quotes where it has other characters than names and paths have. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

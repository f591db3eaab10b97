// reason.ts: what another's error says, as a part of a sentence that names the file already.

/** Returns the message of an error of another's making; a system's without its code, its call and the names that follow. On one line. */
export function reason(cause: unknown): string {
  const text = (cause instanceof Error ? cause.message : String(cause)).trim().replace(/\s*\n\s*/g, ", ");
  if (!(cause instanceof Error && "syscall" in cause)) return text;
  return text.replace(/^[A-Z0-9_]+: /, "").replace(/, [a-z]+( '.*')?$/s, "");
}

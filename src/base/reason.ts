// reason.ts: what another's error says, as a part of a sentence that names the file already.

/** Returns the message of an error of another's making; a system's without its code, its call and the names that follow. */
export function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (!("syscall" in cause)) return cause.message;
  return cause.message.replace(/^[A-Z0-9_]+: /, "").replace(/, [a-z]+( '.*')?$/s, "");
}

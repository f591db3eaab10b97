// error.ts: the one error class of shiftwise, and the codes it may carry.

/** What went wrong, as a stable word that programs may switch on. */
export type ErrorCode =
  | "ABORTED" // stopped by an AbortSignal or Ctrl-C
  | "BAD_DATA" // a data set whose bytes, labels or values are wrong
  | "BAD_FILE" // not a shiftwise file: magic, structure or version
  | "BAD_GRAPH" // a network or model whose layers do not fit together
  | "BAD_OPTION" // an argument or option outside its range
  | "CHECKSUM" // the bytes are not the ones that were written
  | "DIVERGED" // the loss is not finite or rose tenfold
  | "DISPOSED" // use after dispose()
  | "IO" // the operating system refused to read or write
  | "NETWORK" // a download that failed or was cut
  | "OVERFLOW" // sums or memory that would not fit their lane or limit
  | "TRUNCATED" // fewer bytes than the file declares
  | "UNSUPPORTED"; // well formed, but nothing here runs it

export interface ErrorDetails {
  /** What was found, as a short text. */
  found?: unknown;
  /** What was expected in its place. */
  expected?: unknown;
  /** File, layer, tensor or field. */
  where?: string;
  cause?: unknown;
}

/** The only error that shiftwise throws on purpose. The message names code, place, found and expected. */
export class ShiftwiseError extends Error {
  readonly code: ErrorCode;
  readonly found: unknown;
  readonly expected: unknown;
  readonly where: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const parts = [message];
    if (details.expected !== undefined) parts.push(`expected ${show(details.expected)}`);
    if (details.found !== undefined) parts.push(`found ${show(details.found)}`);
    super(`${details.where ? `${details.where}: ` : ""}${parts.join("; ")}`, { cause: details.cause });
    this.name = "ShiftwiseError";
    this.code = code;
    this.found = details.found;
    this.expected = details.expected;
    this.where = details.where;
  }
}

function show(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

// source.ts: what a model can be loaded from, recognised by what it can do: sources of other realms and libraries count.
import { isArray, isBuffer, isShared, ownView, ShiftwiseError } from "../base/index.js";
import { badOption } from "./options.js";

/** Bytes of a file (gzip or not), a file that a user chose, an address to fetch, in Node a path, or an answer already under way. */
export type ModelSource = Uint8Array | ArrayBuffer | SharedArrayBuffer | Blob | URL | string | Response;

/** A source by its kind, and where it is from, as errors say it. */
export type Source =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly where: string }
  | { readonly kind: "blob"; readonly blob: Blob; readonly where: string }
  | { readonly kind: "address"; readonly where: string }
  | { readonly kind: "response"; readonly response: Response; readonly where: string };

/**
 * Tells what a source is. An address is completed with the page's.
 * @throws BAD_OPTION for what is none; BAD_DATA for bytes that were handed over; NETWORK for a text that is no address where there are no files
 */
export function sourceOf(source: unknown): Source {
  if (isArray(source, "Uint8Array") || isBuffer(source) || isShared(source)) {
    return { kind: "bytes", bytes: bytesOf(source), where: "" };
  }
  if (typeof source === "string") return { kind: "address", where: addressOf(source) };
  if (typeof source === "object" && source !== null) {
    if (isBlob(source)) return { kind: "blob", blob: source, where: "name" in source ? String(source.name) : "" };
    if (isResponse(source)) return { kind: "response", response: source, where: String(source.url ?? "") };
    if ("href" in source && typeof source.href === "string") return { kind: "address", where: addressOf(source.href) };
  }
  throw badOption("source", "a Uint8Array or ArrayBuffer, a Blob, a Response, a URL or a text with an address", source);
}

/** Memory that others may write to while it is read is copied. */
function bytesOf(source: Uint8Array | ArrayBuffer | SharedArrayBuffer): Uint8Array {
  try {
    const bytes = isArray(source, "Uint8Array") ? ownView(source) : new Uint8Array(source);
    if (bytes) return isShared(bytes.buffer) ? bytes.slice() : bytes;
  } catch {
    // a buffer without memory
  }
  throw new ShiftwiseError("BAD_DATA", "the model's bytes were handed over to another thread", {
    expected: "bytes that are still here: pass bytes.slice() to keep them",
  });
}

export function isBlob(source: object): source is Blob {
  return "stream" in source && typeof source.stream === "function" && "size" in source;
}

function isResponse(source: object): source is Response {
  return "body" in source && "status" in source && "headers" in source;
}

/** An address, completed with the page's; what is none is a path where there are files. @throws NETWORK */
export function addressOf(text: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const files = globalThis.process?.getBuiltinModule?.("node:url");
  try {
    // C:\models is a path, too
    if (files && !base && text && !/^[a-z][a-z\d+.-]+:/i.test(text)) return files.pathToFileURL(text).href;
    return new URL(text, base).href;
  } catch (cause) {
    const expected = "a URL with its scheme";
    throw new ShiftwiseError("NETWORK", "this is no address", { where: text, expected, cause });
  }
}

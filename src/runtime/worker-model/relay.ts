// relay.ts: a Response that cannot travel to a Worker: it is read here, a piece whenever the Worker asks for one.
import { ShiftwiseError } from "../../base/index.js";
import { bytesOfPiece } from "../feed.js";

/** The facts of a Response that a Worker needs, and the port that its content comes through. */
export interface ResponseParcel {
  readonly ok: boolean;
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Answers every message with a piece: null behind the last, a text instead of one that could not be read. */
  readonly port: MessagePort;
}

/**
 * Makes a Response's content ready to be asked for.
 * @throws NETWORK for a Response that was read before
 */
export function openRelay(response: Response, where: string): { parcel: ResponseParcel; close: () => void } {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    reader = response.body?.getReader();
  } catch (cause) {
    const details = { where, found: reasonOf(cause), cause };
    throw new ShiftwiseError("NETWORK", "the model could not be fetched", details);
  }
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = async () => {
    const answer = await pieceOf(reader).catch(reasonOf);
    port1.postMessage(answer, answer instanceof Uint8Array ? [answer.buffer] : []);
  };
  const { ok, status } = response;
  const headers = Object.fromEntries(HEADERS.flatMap((name) => fieldOf(response, name)));
  return {
    parcel: { ok, status, url: where, headers, port: port2 },
    close() {
      reader?.cancel().catch(() => {});
      port1.close();
    },
  };
}

/** Those that say how much there is to come. */
const HEADERS = ["content-length", "content-encoding"];

function fieldOf({ headers }: Response, name: string): [string, string][] {
  const value = headers.get(name);
  return value === null ? [] : [[name, value]];
}

async function pieceOf(reader?: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array<ArrayBuffer> | null> {
  const { done, value } = (await reader?.read()) ?? { done: true };
  // a copy: a piece may be part of a buffer that others are parts of
  return done ? null : new Uint8Array(bytesOfPiece(value));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Makes of a parcel the Response that loading asks for. */
export function unpackResponse({ ok, status, url, headers, port }: ResponseParcel): Response {
  const body = new ReadableStream({
    pull: (controller) =>
      new Promise((resolve) => {
        port.onmessage = ({ data }: { data: Uint8Array | string | null }) => {
          if (typeof data === "string") controller.error(new TypeError(data));
          else if (data === null) controller.close();
          else controller.enqueue(data);
          resolve();
        };
        port.postMessage("next");
      }),
    cancel() {
      // a piece may be on its way already
      port.onmessage = null;
      port.close();
    },
  });
  return { ok, status, url, headers: new Headers(headers), body } as Response;
}

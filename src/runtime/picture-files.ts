// picture-files.ts: pictures in files and at addresses, decoded by the browser; loaded where a run is given one.
import type { ShiftwiseError } from "../base/index.js";
import type { Given, GivenFiles } from "./inputs.js";

/** Inputs whose pictures are decoded, and how to give the pictures back. */
export interface Decoded {
  readonly inputs: Given;
  readonly close: () => void;
}

/**
 * Decodes the files among the inputs of a run.
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @throws UNSUPPORTED where nothing decodes pictures; NETWORK for one that cannot be fetched; BAD_DATA for one that does not decode
 */
export async function decodeFiles(given: GivenFiles, Failure: typeof ShiftwiseError): Promise<Decoded> {
  const bitmaps: ImageBitmap[] = [];
  const close = (): void => {
    for (const bitmap of bitmaps) bitmap.close();
  };
  const decode = async (file: Blob | string, where: string): Promise<ImageBitmap> => {
    if (typeof createImageBitmap !== "function") {
      throw new Failure("UNSUPPORTED", "nothing here decodes pictures", {
        where,
        expected: "pixels; in Node, those that readPicture of shiftwise/node makes",
      });
    }
    const [blob, name] = typeof file === "string" ? [await download(file, Failure), file] : [file, nameOf(file)];
    try {
      const bitmap = await createImageBitmap(blob);
      bitmaps.push(bitmap);
      return bitmap;
    } catch (cause) {
      throw new Failure("BAD_DATA", "the picture cannot be decoded", {
        where: name || where,
        expected: "JPEG, PNG, WebP or another format that this browser reads, whole",
        found: `${blob.size} bytes${blob.type && ` of type ${blob.type}`}`,
        cause,
      });
    }
  };
  const ready = Object.entries(given).map(async ([name, input]) => {
    const isFile = typeof input === "string" || "stream" in input;
    return [name, isFile ? await decode(input, `input ${name}`) : input] as const;
  });
  // all of them end before the first failure does
  const settled = await Promise.allSettled(ready);
  const failed = settled.find(({ status }) => status === "rejected");
  if (!failed) return { inputs: Object.fromEntries(await Promise.all(ready)) as Given, close };
  close();
  throw (failed as PromiseRejectedResult).reason;
}

const nameOf = (file: Blob): string => ("name" in file ? String(file.name) : "");

async function download(address: string, Failure: typeof ShiftwiseError): Promise<Blob> {
  const where = address.startsWith("data:") ? "data:" : address;
  const failed = (found: string, cause?: unknown): never => {
    const expected = "an address of a picture that this page may read";
    throw new Failure("NETWORK", "the picture could not be fetched", { where, expected, found, cause });
  };
  try {
    const response = await fetch(address);
    return response.ok ? await response.blob() : failed(`status ${response.status}`);
  } catch (cause) {
    return cause instanceof Failure ? Promise.reject(cause) : failed(String(cause), cause);
  }
}

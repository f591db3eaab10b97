// zip.ts: the files in a ZIP archive, unpacked within limits and held against their checksums.
import { unzipSync } from "fflate";
import { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { crc32, hex } from "../format/index.js";
import { unpackLimit } from "./bytes.js";

/**
 * Unpacks the files whose names are wanted, in the order that the archive has them.
 * @returns the bytes by name.
 * @throws BAD_FILE for a damaged archive or one that is cut, a file that is not what was packed, a name twice, or more bytes than unpackLimit
 *   allows: that is looked at before anything is unpacked.
 */
export function unzip(
  bytes: Uint8Array,
  wanted: (name: string) => boolean,
  where: string,
): ReadonlyMap<string, Uint8Array> {
  const limit = unpackLimit(bytes.length);
  let total = 0;
  const names: string[] = [];
  const sizes: number[] = [];
  const unpacked = failing(() => {
    const sums = readChecksums(bytes, where);
    // fflate asks about every file of the directory in its order
    const seen: string[] = [];
    const files = unzipSync(bytes, {
      filter({ name, originalSize }) {
        seen.push(name);
        if (!wanted(name)) return false;
        names.push(name);
        sizes.push(originalSize);
        total += originalSize;
        return total <= limit;
      },
    });
    return names.map((name) => [name, files[name], sums[seen.indexOf(name)]] as const);
  }, where);
  if (total > limit) {
    throw new ShiftwiseError("BAD_FILE", "the archive holds far more than its bytes", {
      where,
      expected: `at most ${limit} bytes unpacked; unpack it first if it is right`,
      found: `${total} bytes`,
    });
  }
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new ShiftwiseError("BAD_FILE", "a name twice", { where: `${where}: ${twice}` });
  for (const [i, [name, file, expected]] of unpacked.entries()) {
    const found = crc32(file);
    if (found === expected && file.length === sizes[i]) continue;
    throw new ShiftwiseError("BAD_FILE", "the file is not what was packed", {
      where: `${where}: ${name}`,
      expected: `${sizes[i]} bytes with the checksum ${hex(expected)}`,
      found: `${file.length} bytes, ${hex(found)}`,
    });
  }
  return new Map(unpacked.map(([name, file]) => [name, file]));
}

function failing<T>(work: () => T, where: string): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ShiftwiseError) throw cause;
    // the engine's own words for an offset beyond the bytes
    const found =
      cause instanceof RangeError ? "a directory that is cut, or that leads outside the file" : reason(cause);
    throw new ShiftwiseError("BAD_FILE", "damaged ZIP archive", { where, found, cause });
  }
}

/** Signatures of the records that the directory is found and read by. */
const [ENTRY, END, END_64, LOCATOR_64] = [0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
/** Bytes of the last record, and of the comment that may follow it. */
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;

/**
 * CRC-32 of each file in the archive's directory, which fflate reads past.
 * @throws BAD_FILE without the end of the directory, RangeError where it is none.
 */
function readChecksums(bytes: Uint8Array, where: string): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = Math.max(bytes.length - END_BYTES - LONGEST_COMMENT, 0);
  let end = bytes.length - END_BYTES;
  while (end >= first && view.getUint32(end, true) !== END) end--;
  if (end < first) {
    throw new ShiftwiseError("BAD_FILE", "the archive is cut: copy or download it again", {
      where,
      expected: "a directory at its end",
      found: `${bytes.length} bytes without one`,
    });
  }
  let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if (end >= 20 && view.getUint32(end - 20, true) === LOCATOR_64) {
    const far = Number(view.getBigUint64(end - 12, true));
    if (view.getUint32(far, true) !== END_64) throw new RangeError("no directory");
    [count, at] = [far + 32, far + 48].map((place) => Number(view.getBigUint64(place, true)));
  }
  const sums: number[] = [];
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== ENTRY) throw new RangeError("a directory that is cut");
    sums.push(view.getUint32(at + 16, true));
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return sums;
}

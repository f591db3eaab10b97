// seal.js: a shiftwise file taken apart and put together again with a right checksum, whatever stands in it.

import { joined } from "../mutate.js";
import { crc32, hex } from "../project.js";

const utf8 = new TextEncoder();

/** Header, graph and data of a valid file. */
export function takeApart(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return { header, graph: JSON.parse(header.__metadata__.graph), data: bytes.slice(8 + length) };
}

/**
 * The file again.
 * @param own whether the header's graph and checksum are to stay as they are
 */
export function putTogether({ header, graph, data }, own) {
  const metadata = header.__metadata__;
  if (!own && typeof metadata === "object" && metadata !== null) {
    metadata.graph = JSON.stringify(graph) ?? "";
    metadata.checksum = hex(crc32(utf8.encode(metadata.graph), data));
  }
  const json = utf8.encode(JSON.stringify(header));
  const padded = joined(json, new Uint8Array((8 - (json.length % 8)) % 8).fill(32));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setUint32(0, padded.length, true);
  return joined(size, padded, data);
}

// refusals.js: valid files of every kind, and files that differ from them in one thing, with a right checksum.
import { crc32, hex, openFile, readSafetensors, sealFile, writeSafetensors } from "../../dist/format/index.js";

/**
 * What can be made of one valid file: `raw` by changing its bytes, `header` its header, `text` the graph as text, `change` the
 * graph as parsed and the stored tensors, `tensors` these alone. Each takes a function that changes its argument; that of `raw` may also return
 * other bytes, that of `text` returns the other text.
 */
export function variants(valid, kind) {
  const { metadata, tensors, data } = readSafetensors(valid);
  const { graph, version } = openFile(valid, [kind]);
  const changed = (argument, change) => {
    change(argument);
    return argument;
  };
  return {
    valid,
    kind,
    graph: () => structuredClone(graph),
    raw(change) {
      const bytes = valid.slice();
      const other = change(bytes);
      return other instanceof Uint8Array ? other : bytes;
    },
    header(change) {
      const header = JSON.parse(new TextDecoder().decode(valid.subarray(8, valid.length - data.length)));
      return withHeader(JSON.stringify(changed(header, change)), data);
    },
    text(change) {
      const text = change(metadata.graph);
      const checksum = hex(crc32(new TextEncoder().encode(text), data));
      return writeSafetensors(tensors, { ...metadata, checksum, graph: text });
    },
    change(change, stated = version) {
      const parts = [structuredClone(graph), new Map(tensors)];
      change(...parts);
      return sealFile(kind, ...parts, stated);
    },
    tensors: (change) => sealFile(kind, graph, changed(new Map(tensors), change), version),
  };
}

/** A file whose header is exactly this text, filled up with spaces unless its length is a multiple of 8 already. */
export function withHeader(text, data) {
  const json = new TextEncoder().encode(text);
  const length = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + length + data.length).fill(32);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(json, 8);
  file.set(data, 8 + length);
  return file;
}

/** A stored tensor with some of its bytes, or all of it, replaced. */
export function patched(tensor, at, ...bytes) {
  const copy = tensor.bytes.slice();
  copy.set(bytes, at);
  return { ...tensor, bytes: copy };
}

/** Little-endian float32 bytes of NaN. */
export const NAN = [0, 0, 0xc0, 0x7f];

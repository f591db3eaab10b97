// weights-write.ts: the weights of a layer on their way into a file. The runtime reads only, so it stands apart.
import { packCodes, packIndices, storeBytes, storeFloats } from "../format/index.js";
import { longestTable, mapCodes } from "./books.js";
import type { Writing } from "./field.js";
import type { Weights } from "./tensor.js";

const WRITERS: {
  readonly [K in Weights["kind"]]: (
    weights: Extract<Weights, { kind: K }>,
    shape: readonly number[],
    store: Writing["store"],
  ) => object;
} = {
  codes({ kind, bits, n1, codes }, _, store) {
    const { magnitudes, signs } = packCodes(codes, bits);
    store("codes", storeBytes(magnitudes), "second");
    store("signs", storeBytes(signs), "last");
    return { kind, bits, n1 };
  },
  codebook({ kind, levels, codes, books }, _, store) {
    if (!books) {
      store("codes", storeBytes(packIndices(codes, levels.length)), "second");
      return { kind, levels };
    }
    store("codes", storeBytes(packIndices(mapCodes(codes, levels, books, true), longestTable(books))), "second");
    store("books", storeBytes(books.of), "second");
    return { kind: "codebooks", tables: books.tables };
  },
  float32({ kind, values }, shape, store) {
    store("weight", storeFloats(shape, values), "second");
    return { kind };
  },
};

/**
 * Stores weights as an array of this shape.
 * @returns the JSON of their field
 */
export function writeWeights(weights: Weights, shape: readonly number[], store: Writing["store"]): object {
  return (WRITERS[weights.kind] as (typeof WRITERS)["codes"])(
    weights as Extract<Weights, { kind: "codes" }>,
    shape,
    store,
  );
}

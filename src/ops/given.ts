// given.ts: the kinds of values that public functions of several rooms take: shapes, tensors, encodings, grids.
import { is, type Kind } from "../base/index.js";
import { validateEncoding } from "./encoding.js";
import type { Tensor } from "./field.js";
import { elements } from "./geometry.js";
import type { WeightGrid } from "./grid.js";
import type { ChannelBooks, Encoding, Normalization } from "./tensor.js";

const SIZE = /* @__PURE__ */ is.integer(1, 0x7fffffff);

/** Channels, height and width. */
export const SHAPE: Kind = /* @__PURE__ */ is.list(SIZE, 3);

/** Lists of numbers; as many as there are channels is for the function to check. */
export const NORMALIZATION: Kind = /* @__PURE__ */ is.record<Normalization>({
  mean: /* @__PURE__ */ is.list(is.number),
  std: /* @__PURE__ */ is.list(is.number),
});

/** An encoding that is right by itself. */
export const ENCODING: Kind = (value, where) => {
  is.record({})(value, where);
  validateEncoding(value as Encoding, where);
};

const TENSOR_FIELDS: Kind = /* @__PURE__ */ is.record<Tensor>({
  shape: /* @__PURE__ */ is.list(SIZE),
  data: is.floats,
});

/** A shape and as many values. */
export const TENSOR: Kind = (value, where) => {
  TENSOR_FIELDS(value, where);
  const { shape, data } = value as Tensor;
  if (data.length !== elements(shape)) throw is.refused(`${where}.data`, `${elements(shape)} values`, data);
};

type Powers = Extract<WeightGrid, { kind: "powers" }>;
type Codebook = Extract<WeightGrid, { kind: "codebook" }>;

/** Tables of levels by channel; whether they fit a layer is for the function to check. */
export const BOOKS: Kind = /* @__PURE__ */ is.record<ChannelBooks>({
  tables: /* @__PURE__ */ is.list(/* @__PURE__ */ is.list(is.number)),
  of: is.bytes,
});

/** A grid by itself; whether it fits weights is for the function to check. */
export const GRID: Kind = /* @__PURE__ */ is.either(
  (value) => (value as WeightGrid | undefined)?.kind === "codebook",
  /* @__PURE__ */ is.record<Codebook>({
    kind: is.text,
    levels: /* @__PURE__ */ is.list(is.number),
    scale: is.floats,
    frozen: is.bytes,
    books: /* @__PURE__ */ is.optional(BOOKS),
  }),
  /* @__PURE__ */ is.record<Powers>({
    kind: /* @__PURE__ */ is.oneOf("powers", "codebook"),
    bits: is.number,
    n1: is.number,
    scale: /* @__PURE__ */ is.nullable(is.floats),
    frozen: is.bytes,
  }),
);

/** Grids by the names of nodes. */
export const GRIDS: Kind = /* @__PURE__ */ is.map(GRID);

/** A conv or dense node as far as its weights. */
export const WEIGHT_NODE: Kind = /* @__PURE__ */ is.record({
  op: /* @__PURE__ */ is.oneOf("conv", "dense"),
  name: is.text,
  weight: TENSOR,
});

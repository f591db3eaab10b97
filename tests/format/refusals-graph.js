// refusals-graph.js: the rules that hold for every object of a graph, broken at every place of a graph where they can be.

/** Keys of these are names, not fields. */
const DICTIONARIES = ["tensors", "notes", "metadata", "run", "ports"];
const OPTIONAL = ["labels", "notes", "normalization", "low", "high", "ports", "channelsLast"];
const CHOICES = ["op", "kind", "bits", "fn", "axis"];
const NAMES = ["name", "input", "output", "other", "tensor", "inputs", "outputs", "node"];
/** Lists whose length is fixed. */
const FIXED = ["shape", "kernel", "stride", "dilation", "padding", "weight", "value", "start", "stop", "step"];
/** The least of the integers in fields that are so everywhere. */
const SIZES = ["shape", "kernel", "stride", "dilation", "groups", "dims", "weight", "stop"];
const OFFSETS = ["padding", "order", "indices", "start"];
/** A value of each type of JSON. */
const TYPES = [null, true, 7, "x", [7], { x: 7 }];

const typeOf = (value) => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value);

/** Every place below a value: the keys that lead there. */
function* placesIn(value, path = []) {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value))
    yield* placesIn(value[key], [...path, Array.isArray(value) ? Number(key) : key]);
}

/**
 * Cases by rule: [file, message, place]. Of places that are alike, in objects of one op or kind, the first is broken.
 * @param variants of a valid file, from refusals.js
 * @param nullable fields that may be null
 */
export function graphRefusals(variants, nullable = []) {
  const cases = {};
  const seen = new Set();
  const graph = variants.graph();
  for (const path of placesIn(graph)) {
    const place = placeOf(graph, path);
    if (seen.has(place.like)) continue;
    seen.add(place.like);
    for (const [rule, file, message] of refusalsAt(place, variants, nullable)) {
      cases[rule] ??= [];
      cases[rule].push([file, message, path.join(".")]);
    }
  }
  return cases;
}

/** A place in a graph with what the rules ask of it. */
function placeOf(graph, path) {
  const chain = path.map((_, i) => path.slice(0, i).reduce((value, key) => value[key], graph));
  const parent = chain.at(-1);
  const last = path.at(-1);
  // the key of a dictionary at the top
  const isKey = path.length === 2 && DICTIONARIES.includes(path[0]);
  const kinds = [...chain, parent[last]].map((value) => value?.op ?? value?.kind ?? "");
  const steps = path.map((key, i) =>
    typeof key === "number" || (i === 1 && DICTIONARIES.includes(path[0])) ? "*" : key,
  );
  const encoding = path[0] === "tensors" && path[2] === "encoding" ? chain[2].encoding?.kind : "";
  return {
    ...{ path, last, isKey, op: parent.op, above: chain.at(-2)?.op, value: parent[last] },
    field: path.findLast((key) => typeof key === "string"),
    like: [...kinds, ...steps, encoding].join(),
  };
}

function* refusalsAt({ path, last, isKey, op, above, value, field }, { change, text, graph }, nullable) {
  const parentIn = (root) => path.slice(0, -1).reduce((object, key) => object[key], root);
  const put = (other) => change((g) => (parentIn(g)[last] = other));
  const type = typeOf(value);
  const named = new RegExp(isKey ? path[0] : field);

  if (type === "object" && !DICTIONARIES.includes(last)) {
    yield ["fields", put({ ...value, more: 1 }), /no other field; found more/];
  }
  if (typeof last === "string" && !isKey && !mayLack(last, op, parentIn(graph())))
    yield ["fields", put(undefined), /field "|a string/];

  const foreign = TYPES.filter((sample) => typeOf(sample) !== type);
  const others = nullable.includes(field) ? foreign.filter((sample) => sample !== null && sample !== 7) : foreign;
  for (const sample of others) yield ["types", put(sample), named];
  if (type === "list" && FIXED.includes(last)) yield ["types", put([...value, 1]), /an array of \d/];

  if (CHOICES.includes(last)) {
    for (const sample of type === "string" ? ["nothing", "toString"] : [99]) yield ["choices", put(sample), /one of/];
  }
  if (type === "number") {
    for (const [digits, message] of Object.entries({ "-0.0": /other than -0/, "1e999": /a finite number/ })) {
      const marked = graph();
      parentIn(marked)[last] = "a number";
      yield ["numbers", text(() => JSON.stringify(marked).replace('"a number"', digits)), message];
    }
    const least = leastOf(path[0], field, typeof last === "number", above);
    if (least !== undefined) {
      for (const sample of [1.5, least - 1, 2 ** 31]) yield ["integers", put(sample), /an integer in/];
    }
  }
  if (type === "string" && NAMES.includes(field) && !isKey) {
    for (const name of ["", "a\nb", "a".repeat(201), "__proto__"]) yield ["names", put(name), /a name of 1 to 200/];
  }
  if (isKey) {
    for (const name of ["", "a\u0085b", "é".repeat(201), "__proto__"]) {
      const marked = graph();
      parentIn(marked)["a key"] = value;
      const file = text(() => JSON.stringify(marked).replace('"a key"', JSON.stringify(name)));
      yield ["names", file, /a name of 1 to 200/];
    }
  }
}

/** The least integer that a field may have; undefined where it holds other numbers. */
function leastOf(part, field, isListed, op) {
  if (part === "position") return ["stage", "epoch", "step", "correct"].includes(field) ? 0 : undefined;
  if (SIZES.includes(field)) return 1;
  if (OFFSETS.includes(field)) return 0;
  if (["channels", "rows", "columns"].includes(field)) return isListed ? { gather: -1, pad: 0 }[op] : 1;
  return isListed && ["step", "value"].includes(field) ? 1 : undefined;
}

function mayLack(field, op, { kind }) {
  if (field === "tables") return kind === "codebook";
  if (field === "max") return op === "relu";
  if (field === "residual") return op === "conv";
  if (field === "gains") return op === "elementwise";
  if (field === "dims") return op !== "permute";
  if (field === "dilation") return op === "maxPool";
  return OPTIONAL.includes(field);
}

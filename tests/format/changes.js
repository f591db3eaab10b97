// changes.js: one value anywhere in the JSON of a file's graph replaced by one that does not belong there.
import fc from "fast-check";

/** The paths to every value inside another. */
function pathsIn(value, path = []) {
  const below = value && typeof value === "object" ? Object.keys(value) : [];
  return [...(path.length > 0 ? [path] : []), ...below.flatMap((key) => pathsIn(value[key], [...path, key]))];
}

/**
 * Draws a path into a graph and a change that puts another value there.
 * @param names of tensors, which may stand in wrong places
 */
export function changesOf(graph, names) {
  const junk = fc.oneof(
    fc.constantFrom(
      null,
      -1,
      0,
      1,
      2,
      3,
      1.5,
      1e9,
      2 ** 31,
      1e308,
      "",
      ...names,
      "__proto__",
      "toString",
      [],
      {},
      true,
    ),
    fc.integer(),
    fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 5 }),
    fc.constant(undefined),
  );
  return fc.tuple(fc.constantFrom(...pathsIn(graph)), junk).map(([path, value]) => ({
    path,
    change(root) {
      const parent = path.slice(0, -1).reduce((within, key) => within[key], root);
      parent[path.at(-1)] = value;
    },
  }));
}

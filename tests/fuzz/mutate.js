// mutate.js: changes to trees of JSON and to bytes, each drawn from a tape.

/** Numbers at which readers, sums and sizes go wrong. */
const NUMBERS = [
  0,
  1,
  -1,
  2,
  3,
  -0,
  0.5,
  7,
  8,
  127,
  128,
  255,
  256,
  -128,
  1e-45,
  1e-310,
  65535,
  65536,
  2 ** 22,
  2 ** 24,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  1e300,
  3.5e38,
  -(2 ** 31),
  -(2 ** 53),
  1.0000001,
];
const TEXTS = [
  "",
  "x",
  "conv",
  "0",
  "__proto__",
  "constructor",
  "toString",
  "\u0000",
  "\ud800",
  "x".repeat(201),
  "linear",
  "codes",
  "float32",
];
const OTHERS = [null, true, false, [], {}, [0], [[]], { kind: "float32" }, [1, 1, 1], "1", "NaN"];

const isTree = (value) => typeof value === "object" && value !== null && !ArrayBuffer.isView(value);

/** Every place of a tree, as the object that holds it and the key; leaves of long lists only now and then. */
function placesOf(root) {
  const places = [];
  const walk = (holder) => {
    for (const key of Object.keys(holder)) {
      if (Array.isArray(holder) && Number(key) > 8 && Number(key) < holder.length - 2) continue;
      places.push([holder, key]);
      if (isTree(holder[key])) walk(holder[key]);
    }
  };
  walk(root);
  return places;
}

/** Another number, more often than not of the kind that was there. */
function otherNumber(draw, value, numbers) {
  if (Number.isInteger(value) && draw.chance(0.6)) {
    const near = [value + 1, value - 1, 0, 1, 2, value * 2, value >> 1, value + 16, 255, 3, 64];
    return draw.chance(0.2) ? draw.pick(numbers) : draw.pick(near);
  }
  const far = [-value, value / 2, value * 256, value + 0.5, value * 1e30, value * 2 ** 24, value * 1.001];
  return draw.chance(0.5) ? draw.pick(far) : draw.pick(NUMBERS);
}

/** Something in a value's place, of its own kind more often than not. */
function otherValue(draw, value, places, junk) {
  if (draw.chance(0.2)) {
    const [holder, key] = draw.pick(places);
    return structuredClone(holder[key]);
  }
  // a copy, which later changes may change: one that all cases shared would make a case depend on those before it
  const other = () => structuredClone(draw.pick(OTHERS));
  if (typeof value === "number") return draw.chance(0.85) ? otherNumber(draw, value, NUMBERS) : other();
  if (typeof value === "string") return draw.chance(0.85) ? draw.pick([...junk, ...TEXTS]) : other();
  return structuredClone(draw.pick([...OTHERS, ...NUMBERS]));
}

/** Longest list that a change makes. */
const LIST_MOST = 3000;

function changeList(draw, list) {
  const at = draw.below(list.length + 1);
  const change = draw.pick(["remove", "double", "repeat", "swap", "cut", "insert"]);
  if (change === "insert") list.splice(at, 0, draw.pick(NUMBERS));
  if (list.length === 0) return;
  if (change === "remove") list.splice(Math.min(at, list.length - 1), 1);
  if (change === "double") list.splice(at, 0, structuredClone(list[Math.min(at, list.length - 1)]));
  if (change === "swap")
    [list[0], list[Math.min(at, list.length - 1)]] = [list[Math.min(at, list.length - 1)], list[0]];
  if (change === "cut") list.length = at;
  if (change === "repeat" && list.every((value) => !isTree(value)) && list.length > 0) {
    const times = Math.floor(draw.pick([2, 16, LIST_MOST]) / list.length) || 2;
    list.push(...new Array(times).fill(list).flat().slice(0, LIST_MOST));
  }
}

/**
 * Changes one place of a tree.
 * @param junk texts that mean something here
 */
export function mutateTree(draw, root, junk = []) {
  // a change before may have left a text or a number where an object was
  if (!isTree(root)) return;
  const places = placesOf(root);
  const numbers = places.filter(([holder, key]) => typeof holder[key] === "number");
  // what a reader lets through is mostly another number
  if (numbers.length > 0 && draw.chance(0.6)) {
    const [holder, key] = draw.pick(numbers);
    const others = numbers.map(([from, other]) => from[other]);
    holder[key] = otherNumber(draw, holder[key], others);
    return;
  }
  if (places.length === 0) return;
  const [holder, key] = places[draw.below(Math.min(places.length, 65536))];
  const change = draw.pick(["value", "value", "value", "list", "list", "delete", "rename", "copy", "nest"]);
  if (change === "list" && Array.isArray(holder[key])) changeList(draw, holder[key]);
  else if (change === "delete") {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (change === "rename" && !Array.isArray(holder)) {
    holder[draw.pick([`${key} `, "name", "input", "output", "x", "residual", "dilation"])] = holder[key];
    if (draw.chance(0.5)) delete holder[key];
  } else if (change === "copy") {
    const [from, other] = draw.pick(places);
    holder[key] = structuredClone(from[other]);
  } else if (change === "nest") holder[key] = draw.chance(0.5) ? [holder[key]] : { [key]: holder[key] };
  else holder[key] = otherValue(draw, holder[key], places, junk);
}

/** The bytes with one change. */
export function mutateBytes(draw, bytes) {
  const at = bytes.length === 0 ? 0 : draw.below(Math.min(bytes.length, 65536));
  const length = draw.pick([1, 2, 4, 8, 16, 100, 1000]);
  const change = draw.pick(["set", "flip", "fill", "cut", "insert", "double", "end", "word", "swap"]);
  const copy = Uint8Array.from(bytes);
  switch (change) {
    case "set":
      copy[at] = draw.pick([0, 1, 127, 128, 255, draw.below(256)]);
      return copy;
    case "flip":
      copy[at] ^= 1 << draw.below(8);
      return copy;
    case "fill":
      return copy.fill(draw.pick([0, 255, 128, 32]), at, at + length);
    case "cut":
      return joined(copy.subarray(0, at), copy.subarray(at + length));
    case "insert":
      return joined(copy.subarray(0, at), new Uint8Array(length).fill(draw.below(256)), copy.subarray(at));
    case "double":
      return joined(copy.subarray(0, at + length), copy.subarray(at));
    case "end":
      return copy.slice(0, at);
    case "word": {
      // a number of 32 bits in the order of either end
      if (copy.length < at + 4) return copy;
      const value = draw.pick([
        0,
        1,
        0x7fffffff,
        0xffffffff,
        0x80000000,
        0x7f800000,
        0x7fc00000,
        0xff800000,
        2 ** 24,
        65536,
      ]);
      new DataView(copy.buffer).setUint32(at, value, draw.chance(0.5));
      return copy;
    }
    default: {
      const from = draw.below(Math.min(copy.length, 65536) || 1);
      return copy.copyWithin(at, from, from + length);
    }
  }
}

export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

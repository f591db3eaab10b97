// arguments.test.js: words of the command line to values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import {
  activationScheme,
  allOr,
  augmentation,
  choice,
  constantOption,
  inputShapeOption,
  integer,
  lossOption,
  nameList,
  notNegative,
  portionList,
  positive,
  schemeName,
  shareOption,
  weightBits,
} from "../../dist/cli/arguments.js";
import { schemeText } from "../../dist/pipeline/index.js";

const refused = { code: "BAD_OPTION" };

test("integers: plain digits inside the range", () => {
  const parse = integer("--n", -2, 300);
  for (const value of [-2, 0, 7, 300]) assert.equal(parse(String(value)), value);
  for (const text of ["-3", "301", "", " 1", "1.0", "1e2", "0x10", "NaN", "--1"]) {
    assert.throws(() => parse(text), { ...refused, where: "--n", found: text });
  }
});

test("positive numbers", () => {
  const parse = positive("--lr");
  assert.equal(parse(".05"), 0.05);
  assert.equal(parse("1e-3"), 0.001);
  assert.equal(parse("2."), 2);
  for (const text of ["0", "-1", "", ".", "Infinity", "1e999", "0x1", "1,5"]) assert.throws(() => parse(text), refused);
});

test("numbers of 0 or more, and the word all", () => {
  const parse = notNegative("--minutes");
  assert.deepEqual(["0", ".5", "3"].map(parse), [0, 0.5, 3]);
  for (const text of ["-1", "", "NaN", "1e999"]) assert.throws(() => parse(text), { ...refused, where: "--minutes" });
  const images = allOr(undefined, integer("--images", 1));
  assert.deepEqual([images("all"), images("7")], [undefined, 7]);
  assert.throws(() => images("none"), refused);
});

/** What help says of a default that is no value. */
const WORDS =
  /^(the recipe's|a file in a temporary folder|flip, and crop by a fourteenth of the width, of pictures for one input|the largest middle part is scaled to the input)$/;

test("every default that help shows is taken when it is given", async () => {
  let count = 0;
  for (const name of [
    "demo",
    "train",
    "quantize",
    "eval",
    "export",
    "inspect",
    "profile",
    "compare",
    "diff",
    "predict",
    "calibrate-costs",
  ]) {
    const camel = name.replace(/-./g, ([, letter]) => letter.toUpperCase());
    const { [`${camel}Command`]: make } = await import(`../../dist/cli/${name}.js`);
    for (const option of make().options) {
      const { defaultValue, defaultValueDescription, description, flags, parseArg } = option;
      const [, written] = /\(default: ([^)]*)\)/.exec(description) ?? [];
      const shown = defaultValue === undefined ? written : (defaultValueDescription ?? String(defaultValue));
      if (shown === undefined) continue;
      for (const [i, part] of shown.split("; ").entries()) {
        const text = part.replace(/^with --\S+: /, "");
        if (WORDS.test(text)) continue;
        count++;
        const value = parseArg ? parseArg(text, undefined) : text;
        if (i === 0) assert.deepEqual(value, defaultValue ?? value, `${name} ${flags}: ${text}`);
      }
    }
  }
  assert.ok(count > 35, `${count}`);
});

test("weight bits are 2 to 5", () => {
  for (const bits of [2, 3, 4, 5]) assert.equal(weightBits(String(bits)), bits);
  for (const text of ["1", "6", "", "4.5", "five", "-5", "1e0"]) assert.throws(() => weightBits(text), refused);
});

test("portions rise to 1", () => {
  assert.deepEqual(portionList(".5,0.75,1"), [0.5, 0.75, 1]);
  assert.deepEqual(portionList("1"), [1]);
  for (const text of ["", ".5", "1,1", ".5,.5,1", "0,1", ".5,x,1", "1,"])
    assert.throws(() => portionList(text), refused);
});

test("activation schemes, and their names back", () => {
  assert.deepEqual(activationScheme("8"), { kind: "linear", bits: 8 });
  assert.deepEqual(activationScheme("1"), { kind: "linear", bits: 1 });
  assert.deepEqual(activationScheme("log3"), { kind: "log", bits: 3, largest: 31 });
  assert.deepEqual(activationScheme("log4"), { kind: "log", bits: 4, largest: 255 });
  for (const text of ["0", "9", "16", "log1", "log7", "log", "lin8", "", "8 "]) {
    assert.throws(() => activationScheme(text), { ...refused, where: "--activations" });
  }
  for (const text of ["1", "8", "log2", "log6"]) assert.equal(schemeName(activationScheme(text)), text);
  assert.equal(schemeText(activationScheme("8")), "8-bit");
  assert.equal(schemeText(activationScheme("log4")), "4-bit LogQuant");
});

test("augmentation lists", () => {
  assert.deepEqual(augmentation("none"), {});
  assert.deepEqual(augmentation("crop=4,flip"), { crop: 4, flip: true });
  assert.deepEqual(augmentation("shift=2,cutout=6"), { shift: 2, cutout: 6 });
  for (const text of ["", "flip=1", "crop", "crop=-1", "crop=4,", "rotate=3"]) {
    assert.throws(() => augmentation(text), { ...refused, where: "--augment" });
  }
});

test("losses: dB, or a share of equal answers; what may be meant as either needs its unit", () => {
  assert.deepEqual(lossOption("24"), { kind: "lossless", snr: 24 });
  assert.deepEqual(lossOption("3"), { kind: "lossless", snr: 3 });
  assert.deepEqual(lossOption("2.5dB"), { kind: "lossless", snr: 2.5 });
  assert.deepEqual(lossOption("98%"), { kind: "lossless", agreement: 0.98 });
  const random = createRandom(5);
  for (let i = 0; i < 100; i++) {
    const text = `${Number((3 * random.uniform()).toFixed(1 + random.below(3))) || 0.5}`;
    if (text === "3") continue;
    const share = Number(text) <= 1 ? `${Number((100 * text).toPrecision(6))}%` : "98%";
    assert.throws(
      () => lossOption(text),
      ({ code, where, expected }) =>
        code === "BAD_OPTION" &&
        where === "--loss" &&
        expected.includes(` ${share},`) &&
        expected.endsWith(`: ${text}dB`),
      text,
    );
  }
});

test("shares of a time: numbers or percent", () => {
  const share = shareOption("--time");
  for (const [text, value] of [
    ["0.75", 0.75],
    ["75%", 0.75],
    ["7 %", 0.07],
    ["120%", 1.2],
    [".8", 0.8],
  ]) {
    assert.equal(share(text), value);
  }
  for (const text of ["", "%", "0", "0%", "-5%", "75KB", "a%"])
    assert.throws(() => share(text), { code: "BAD_OPTION" });
});

test("choices", () => {
  const parse = choice("--net", ["demo", "resnet20"]);
  assert.equal(parse("resnet20"), "resnet20");
  assert.throws(() => parse("Demo"), { ...refused, expected: "demo or resnet20" });
});

test("input shapes of any rank, or of several inputs by name", () => {
  assert.deepEqual(inputShapeOption("3x224x224"), [3, 224, 224]);
  assert.deepEqual(inputShapeOption("8000"), [8000]);
  assert.deepEqual(inputShapeOption("b=1x2", inputShapeOption("a=3")), { a: [3], b: [1, 2] });
  for (const text of ["", "0x3", "3x", "axb", "-3", "1e3", "name=", "=3"]) {
    assert.throws(() => inputShapeOption(text), { ...refused, where: "--input-shape", found: text });
  }
  assert.throws(() => inputShapeOption("4", [3]), refused);
  assert.throws(() => inputShapeOption("4", { a: [3] }), refused);
});

test("names with commas, and constants by name", () => {
  assert.deepEqual(nameList("--outputs")("a, b/c"), ["a", "b/c"]);
  for (const text of ["", "a,,b"]) assert.throws(() => nameList("--outputs")(text), refused);
  assert.deepEqual(constantOption("k=1,2", constantOption("a=b=0.5")), { "a=b": [0.5], k: [1, 2] });
  for (const text of ["k", "=1", "k=x"]) assert.throws(() => constantOption(text), refused);
});

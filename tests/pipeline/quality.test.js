// quality.test.js: what each output keeps, on images held out, and what the advice is made from.
import assert from "node:assert/strict";
import { test } from "node:test";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { adviceOn, neediest, verdictOn } from "../../dist/pipeline/quality.js";
import { ENDINGS, pictures } from "./endings.js";

test("each output has a row, measured on every fourth image of few", async () => {
  const given = ENDINGS["classes and boxes"];
  const { quality } = await quantizeFromImages(given, pictures(24));
  assert.deepEqual([quality.images, quality.heldOut], [6, true]);
  assert.deepEqual(
    quality.outputs.map(({ name, kl }) => [name, kl !== null]),
    [
      ["softmax1", true],
      ["permute2", false],
    ],
  );
  for (const { snr } of quality.outputs) assert.ok(snr > 5 && snr < 60);
  const few = await quantizeFromImages(given, pictures(4), { bits: 4 });
  assert.deepEqual([few.quality.images, few.quality.heldOut], [4, false]);
});

test("images that are held out calibrate nothing", async () => {
  const given = ENDINGS["a map"];
  const own = pictures(16);
  const other = { ...own, images: own.images.slice() };
  for (const i of [0, 4, 8, 12]) other.images.fill(255, 144 * i, 144 * (i + 1));
  // a goal is reached on them, and chooses by them
  const byHand = { goal: null };
  const [a, b] = [await quantizeFromImages(given, own, byHand), await quantizeFromImages(given, other, byHand)];
  assert.deepEqual(a.model, b.model);
  assert.notDeepEqual(a.quality.outputs, b.quality.outputs);
});

test("a classifier has its share of equal answers", async () => {
  for (const name of ["one vector of logits", "softmax"]) {
    const [{ agreement }] = (await quantizeFromImages(ENDINGS[name], pictures(40))).quality.outputs;
    assert.ok(agreement >= 0.6 && agreement <= 1, `${name}: ${agreement}`);
  }
});

const output = (snr, agreement = null, kl = null, answers = 64) => ({
  ...{ name: "boxes", differs: true, between: 1, snr, kl, agreement, answers },
});
const LINEAR = { kind: "linear", bits: 8 };
const advise = (one, found, layers, others, { calibrated = null, activations = LINEAR } = {}) =>
  adviceOn(one, { found, calibrated }, layers, others, activations);
const layer = (name, ownSnr, gain) => ({ name, bits: 4, ownSnr, more: gain === null ? null : { bits: 5, gain } });

test("the output that keeps least is looked at, unless it answers alike", () => {
  assert.equal(neediest([output(25), output(40)]), null);
  assert.equal(neediest([output(12, 1), output(25)]), null);
  assert.equal(neediest([output(12, 1), output(19), output(15, 0.9)]).snr, 15);
  // boxes and maps want more than distributions; what has no ratio cannot be compared
  assert.equal(neediest([output(22), output(21, 0.9, 0.1), output(null)]).snr, 22);
  // three of three say little
  assert.equal(neediest([output(12, 1, null, 3), output(25)]).snr, 12);
  assert.equal(neediest([output(null), output(300), output(21, 0.9, 0.1)]), null);
});

test("verdicts follow the advice", () => {
  const words = [300, 31, 27, 22, 12].map((snr) => verdictOn(output(snr)));
  assert.deepEqual(words, ["exact", "very close", "close", "fair", "far"]);
  assert.deepEqual(
    [verdictOn(output(21, 0.9, 0.1)), verdictOn(output(12, 1)), verdictOn(output(null))],
    ["close", "same answers", ""],
  );
  for (const snr of [12, 19.9, 20, 24.9, 25, 40]) {
    for (const one of [output(snr), output(snr, 0.9, 0.1), output(snr, 0.99)]) {
      assert.equal(neediest([one]) !== null, ["fair", "far"].includes(verdictOn(one)), `${snr}`);
    }
  }
});

test("an output of classes keeps answers", () => {
  const advice = advise({ ...output(3, 0.75), answers: 8 }, 5, [layer("a", 10, 10)], ["--minutes 1"]);
  assert.match(advice, /^output "boxes" keeps 75 % of its answers\. Rounded activations lose most/);
});

test("layers that lose most are named, as the command has them", () => {
  const layers = [layer("a", 10, 10), layer("b", 30, 10), layer("c", 12, 10), layer("d", 5, null)];
  // noise 0.1, 0.001, 0.063, 0.316: a and c with a bit more take 0.147 of 0.48
  const even = advise(output(14), 40, layers, ["--minutes 1"]);
  assert.match(even, /^output "boxes" keeps 14\.0 dB\. The loss is spread over all layers: try --minutes 1$/);
  const few = advise(output(14), 40, layers.slice(0, 3), ["--levels two-term"]);
  assert.match(few, /--layer a=5 takes away 55 % .*; --levels two-term takes some from every layer$/);
  const widest = advise(output(14), 40, [layer("a", 10, null)], ["--minutes 1"]);
  assert.match(widest, /\. All layers have as many bits as there are: try --minutes 1$/);
  // levels that no wider ones were compared with may still have some
  const unknown = advise(output(14), 40, [layer("a", 10, null)], ["--bits 5", "--minutes 1"]);
  assert.match(unknown, /\. The loss is spread over all layers: try --bits 5 or --minutes 1$/);
  const spaced = advise(output(14), 40, [layer("it's a", 10, 10), layer("b", null, null)], ["--minutes 1"]);
  assert.match(spaced, /--layer 'it'\\''s a=5' takes away/);
});

test("where activations lose most, it is they that are named", () => {
  const advice = (ceiling, limits) => advise(output(14), ceiling, [layer("a", 10, 10)], ["--minutes 1"], limits);
  assert.match(advice(15), /would keep 15\.0 dB with float weights\. Rounded activations lose most/);
  assert.match(advice(13), /^output "boxes" keeps 14\.0 dB\. Rounded activations lose most/);
  // more samples only where those that calibrated keep more
  assert.match(advice(15, { calibrated: 15.5 }), /the 8-bit activations are the limit, .*; --minutes 1 may/);
  assert.match(advice(15, { calibrated: 22 }), /samples that calibrated would keep 22\.0 dB, so more of them/);
  const four = advice(15, { activations: { kind: "linear", bits: 4 } });
  assert.match(four, /the 4-bit activations are the limit, .*; --activations 8 keeps more/);
});

test("a quantization that loses much gives advice from its own layers", async () => {
  const { quality, layers } = await quantizeFromImages(ENDINGS["a map of sigmoids"], pictures(), {
    bits: 2,
    twoTerm: null,
  });
  assert.match(quality.advice, /^output "sigmoid1" keeps [\d.]+ dB/);
  const named = [...quality.advice.matchAll(/--layer (\S+)=(\d)/g)];
  for (const [, name, bits] of named) assert.equal(layers.find((one) => one.name === name).bits + 1, Number(bits));
});

test("advice names settings that would be taken, and that some layer's width is from", async () => {
  const advice = async (settings) =>
    (await quantizeFromImages(ENDINGS["a map of sigmoids"], pictures(), settings)).quality.advice;
  const few = { levels: "powers-paper", bits: 2 };
  assert.match(await advice({ ...few, twoTerm: null }), /--levels two-term or --bits 3 or --minutes 1/);
  const all = new Map(["conv1", "conv2", "conv3"].map((name) => [name, 2]));
  assert.match(await advice({ ...few, layers: all, twoTerm: null }), /\d %[^;]*; --minutes 1 takes|try --minutes 1$/);
  // only the first convolution has a width that is not set by name, and it is not that of --bits
  const others = new Map(["conv2", "conv3"].map((name) => [name, 2]));
  const first = await advice({ bits: 2, layers: others, twoTerm: 4 });
  assert.match(first, /--two-term 5 or --minutes 1/);
  assert.doesNotMatch(first, /--bits|--levels/);
  assert.match(await advice({ bits: 2, layers: others, twoTerm: 6, minutes: 0.002 }), /--minutes 0\.004/);
  assert.match(await advice({ budget: 2.5 }), /--budget 3\.5 or --minutes 1/);
});

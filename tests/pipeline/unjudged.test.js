// unjudged.test.js: goals that nothing can judge: equal samples, one sample, dead networks; and outputs that do not count.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { quantizeFromImages, verdictOn } from "../../dist/pipeline/index.js";

const SHAPE = [2, 8, 8];
const LENGTH = 128;

/** Samples by a function of the sample's number and the value's. */
function samplesOf(count, value) {
  const read = (from, some) =>
    Float32Array.from({ length: some * LENGTH }, (_, i) => value(from + Math.floor(i / LENGTH), i % LENGTH));
  return { shape: SHAPE, count, read };
}

const random = createRandom(11);
const noise = Array.from({ length: LENGTH * 40 }, () => random.normal());
const varied = (count) => samplesOf(count, (sample, i) => noise[sample * LENGTH + i]);

/** Changes the values of a node of a network, by its name. */
function changed(network, name, change) {
  const copy = structuredClone(network);
  change(copy.nodes.find((node) => node.name === name));
  return copy;
}

const withBias = (name, value) => (network) => changed(network, name, ({ bias }) => bias.data.fill(value));

function classifier(classes = 4) {
  const b = buildNetwork("classifier", createRandom(2));
  const x = b.relu(b.conv(b.input(SHAPE), 8, { bias: true }));
  const y = b.relu(b.conv(x, 8, { bias: true, stride: 2 }));
  return b.finish([b.dense(b.globalAvgPool(y), classes)]);
}

/** A network with a way around its middle and a map of sigmoids, as a small U-Net has them. */
function unet() {
  const b = buildNetwork("unet", createRandom(3));
  const x = b.relu(b.conv(b.input(SHAPE), 4, { bias: true }));
  const y = b.relu(b.conv(x, 4, { bias: true }));
  return b.finish([b.activation(b.conv(y, 1, { bias: true }), "sigmoid")]);
}

/** Two maps: conv3 makes one of what conv1 makes, conv4 the other of what conv2 makes of that. */
function twoOutputs() {
  const b = buildNetwork("two", createRandom(4));
  const x = b.relu(b.conv(b.input(SHAPE), 6, { bias: true }));
  const side = b.relu(b.conv(x, 6, { bias: true }));
  return b.finish([b.conv(x, 2, { bias: true }), b.conv(side, 2, { bias: true })]);
}

const dead = withBias("conv2", -1e4)(twoOutputs());

const KINDS = {
  black: [
    classifier(),
    samplesOf(12, () => 0),
    "equal samples",
    /^the 12 samples are equal.* black, empty, or copies\?/,
  ],
  "constant values": [classifier(), samplesOf(9, () => 3.5), "equal samples", /^the 9 samples are equal/],
  copies: [classifier(), samplesOf(24, (_, i) => noise[i]), "equal samples", /^the 24 samples are equal/],
  "two copies": [classifier(), samplesOf(2, (_, i) => noise[i]), "equal samples", /^the 2 samples are equal/],
  "equal ones among those held out": [
    classifier(),
    samplesOf(16, (sample, i) => (sample % 4 === 0 ? 0 : noise[sample * LENGTH + i])),
    "equal samples",
    /^the 4 samples held out are equal/,
  ],
  "one sample": [classifier(), varied(1), "one sample", /^one sample cannot tell/],
  "one number of the sample held out": [
    classifier(1),
    varied(3),
    "one sample",
    /^one sample held out, whose output is one/,
  ],
  "a layer of zeros": [
    changed(classifier(), "conv2", ({ weight }) => weight.data.fill(0)),
    varied(20),
    "equal outputs",
    /^the float network makes the same of all samples, though .* reaches layer "dense1": the layers before it are dead/,
  ],
  "a dead U-Net": [withBias("conv2", -1e4)(unet()), varied(20), "equal outputs", /reaches layer "conv3"/],
  "a dead U-Net and two samples": [
    withBias("conv2", -1e4)(unet()),
    varied(2),
    "equal outputs",
    /reaches layer "conv3"/,
  ],
  "a function at its bound": [
    withBias("conv3", 1e4)(unet()),
    varied(20),
    "equal outputs",
    /its last layers are dead or at a bound/,
  ],
};

for (const [kind, [network, samples, unjudged, text]] of Object.entries(KINDS)) {
  test(`${kind}: the goal is not judged, and weights get the bits of a conversion by hand`, async () => {
    const found = await quantizeFromImages(network, samples);
    assert.deepEqual([found.unjudged, found.missed, found.points], [unjudged, null, []]);
    assert.equal(found.warnings.length, 1, found.warnings.join("\n"));
    assert.match(found.warnings[0], text);
    assert.match(found.warnings[0], /so weights get 4 bits instead of a goal/);
    const byHand = await quantizeFromImages(network, samples, { goal: null });
    const bitsIn = ({ layers }) => layers.map(({ name, bits }) => [name, bits]);
    assert.deepEqual(bitsIn(found), bitsIn(byHand));
    // of fewer samples a goal holds one out, and a conversion by hand none
    const isAlike = samples.count >= 8 || samples.count === 1;
    if (isAlike) assert.deepEqual(encodeModel(found.model), encodeModel(byHand.model));
    assert.equal(byHand.unjudged, null);
    for (const output of found.quality.outputs)
      assert.deepEqual([output.differs, verdictOn(output)], [false, "not judged"]);
    assert.equal(found.quality.advice, null);
  });

  test(`${kind}: goals of size and time give what they allow, and do not take the fewest bits for want of a loss`, async () => {
    for (const goal of [
      { kind: "small", bytes: 100_000 },
      { kind: "fast", time: 10 },
    ]) {
      const { layers, warnings, points, ...found } = await quantizeFromImages(network, samples, { goal });
      assert.deepEqual([found.unjudged, found.missed], [unjudged, null]);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /so layers go by what each loses by itself/);
      // a layer of zeros loses nothing with any bits
      const told = layers.filter(({ name }) => !(kind === "a layer of zeros" && name === "conv2"));
      for (const { name, bits } of told) assert.equal(bits, 6, `${goal.kind}, ${name}`);
      assert.ok(points.every(({ snr, agreement }) => snr === null && agreement === null));
    }
  });
}

test("samples and outputs that differ are judged, on one sample held out and on many", async () => {
  for (const network of [classifier(), unet(), twoOutputs()]) {
    for (const count of [2, 3, 24]) {
      const { unjudged, warnings, quality, points } = await quantizeFromImages(network, varied(count));
      assert.equal(unjudged, null);
      assert.ok(quality.outputs.every(({ differs }) => differs));
      assert.ok(warnings.every((text) => /one sample only to calibrate with/.test(text)));
      assert.ok(points.length > 0);
    }
  }
});

test("an output that is the same for all samples is named, and the others judge; layers before it alone keep bits", async () => {
  for (const count of [3, 24]) {
    const goal = { kind: "lossless", snr: 12 };
    const { unjudged, missed, quality, layers, warnings } = await quantizeFromImages(dead, varied(count), { goal });
    assert.deepEqual([unjudged, missed], [null, null]);
    assert.deepEqual(
      quality.outputs.map(({ name, differs }) => [name, differs]),
      [
        ["conv3", true],
        ["conv4", false],
      ],
    );
    assert.match(warnings.join("\n"), /^output "conv4" of the float network is the same for all samples/m);
    assert.ok(quality.outputs[0].snr >= 12);
    const bits = new Map(layers.map((layer) => [layer.name, layer.bits]));
    assert.ok(bits.get("conv3") < 4, `${bits.get("conv3")}`);
    assert.deepEqual([bits.get("conv2"), bits.get("conv4")], [4, 4]);
  }
});

test("of an output that is nearly the same for all samples it is said how many dB that takes", async () => {
  for (const offset of [0, 1, 30, 300, 30_000]) {
    const network = changed(classifier(), "dense1", ({ bias }) => {
      bias.data.set([offset, 0, -offset, 0]);
    });
    for (const goal of [
      { kind: "lossless", snr: 20 },
      { kind: "small", bytes: 100_000 },
    ]) {
      const { unjudged, warnings, quality } = await quantizeFromImages(network, varied(24), { goal });
      assert.equal(unjudged, null);
      const [{ between }] = quality.outputs;
      assert.ok(offset < 300 || between < 0.001, `${between}`);
      assert.equal(warnings.length, between < 0.01 ? 1 : 0, `${between}`);
      if (between >= 0.01) continue;
      const less = Math.round(-10 * Math.log10(between));
      const wanted = less + (goal.snr ?? 24);
      // no advice asks for more than float32 has
      const advice = wanted > 100 ? "differ more$" : `--loss ${wanted}\\)`;
      assert.match(
        warnings[0],
        new RegExp(
          `^output "dense1" is nearly the same for all samples: [\\w .]* % of .*, so ${less} of its dB say .*${advice}`,
        ),
      );
    }
    if (offset === 0) assert.ok((await quantizeFromImages(network, varied(24))).quality.outputs[0].between > 0.01);
  }
});

test("a softmax that is sure of one class for all samples cannot judge", async () => {
  const b = buildNetwork("sure", createRandom(6));
  const scores = b.dense(b.globalAvgPool(b.relu(b.conv(b.input(SHAPE), 6, { bias: true }))), 3);
  const network = changed(b.finish([b.softmax(scores)]), "dense1", ({ bias }) => {
    bias.data.set([60, 0, 0]);
  });
  assert.equal((await quantizeFromImages(network, varied(24))).unjudged, "equal outputs");
});

test("bits of a layer that was given some stay, whether its rounding is seen or not", async () => {
  const layers = new Map([["conv4", 2]]);
  for (const [network, samples] of [
    [dead, varied(24)],
    [twoOutputs(), samplesOf(8, () => 0)],
  ]) {
    const found = await quantizeFromImages(network, samples, { layers });
    assert.equal(found.layers.find(({ name }) => name === "conv4").bits, 2);
  }
});

test("a goal of equal answers is not judged where the only output with answers is the same for all samples", async () => {
  const b = buildNetwork("answers", createRandom(5));
  const x = b.relu(b.conv(b.input(SHAPE), 6, { bias: true }));
  const side = b.relu(b.conv(x, 6, { bias: true }));
  const answers = b.softmax(b.conv(side, 3, { bias: true }));
  const network = b.finish([b.conv(x, 2, { bias: true }), answers]);
  const goal = { kind: "lossless", agreement: 0.98 };
  const living = await quantizeFromImages(network, varied(24), { goal });
  assert.equal(living.unjudged, null);
  const found = await quantizeFromImages(withBias("conv2", -1e4)(network), varied(24), { goal });
  assert.equal(found.unjudged, "equal outputs");
  assert.ok(found.layers.every(({ bits }) => bits >= 4));
});

test("a share of equal answers that few answers cannot show is said to be so, with the samples that it takes", async () => {
  const warned = async (count, agreement) => {
    const few = samplesOf(count, (sample, i) => noise[(sample % 40) * LENGTH + i] * (1 + (sample >> 3) / 8));
    const goal = { kind: "lossless", agreement };
    const { warnings } = await quantizeFromImages(classifier(), few, { goal });
    return warnings.filter((text) => text.includes("cannot tell"));
  };
  const [text, ...more] = await warned(8, 0.9);
  assert.deepEqual(more, []);
  assert.match(
    text,
    /^2 answers of the samples held out cannot tell 90 % from all, as each is 50 %. Give 400 samples or more, of which 50 answers or more are held out$/,
  );
  assert.match(
    (await warned(3, 0.98))[0],
    /^1 answer .* cannot tell 98 % from all, as each is 100 %. Give 400 samples or more, of/,
  );
  assert.match(
    (await warned(40, 1))[0],
    /^10 answers .* cannot tell that all are equal: 74 % or more of others are, as far as these tell, if all of these are\. Give 2400 samples/,
  );
  assert.match((await warned(400, 1))[0], /^50 answers .*: 94 % or more of others/);
  assert.match((await warned(400, 0.99999))[0], /^50 answers .* cannot tell 99\.999 % from all.* 100000 answers/);
  assert.match((await warned(40, 0.9))[0], /^10 answers .*, as each is 10 %. Give 400/);
  for (const [count, agreement] of [
    [400, 0.9],
    [400, 0.98],
    [2400, 1],
  ]) {
    assert.deepEqual(await warned(count, agreement), []);
  }
});

test("what a teacher reaches on the samples that it taught with is not called held out", async () => {
  const settings = { minutes: 0.005, batchSize: 4 };
  const few = await quantizeFromImages(classifier(), varied(3), settings);
  assert.deepEqual([few.quality.images, few.quality.heldOut], [3, false]);
  const many = await quantizeFromImages(classifier(), varied(12), settings);
  assert.deepEqual([many.quality.images, many.quality.heldOut], [3, true]);
});

// reach.test.js: choices for goals on made-up surveys: what is tried, what comes of wrong predictions, and goals out of reach.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../../dist/base/index.js";
import { reach } from "../../../dist/pipeline/goal/index.js";

/** Layers whose noise is a quarter for each bit more; `share` is the noise at 2 bits. */
function made(shares = [0.2, 0.1, 0.05]) {
  return {
    milliseconds: 1,
    bytes: 100,
    layers: shares.map((share, i) => ({
      name: `conv${i}`,
      weights: 800,
      choices: [2, 3, 4, 5, 6].map((bits, step) => ({
        bits,
        price: 0,
        noise: share / 4 ** step,
        milliseconds: bits / 2,
        bytes: 100 * bits,
      })),
    })),
  };
}

const output = (snr, agreement = null, kl = agreement === null ? null : 0) => ({
  name: "y",
  differs: true,
  between: 1,
  snr,
  lacks: null,
  kl,
  agreement,
  answers: agreement === null ? null : 100,
});

/** What rounding finds: the noise of the choices times `factor`, beside that of activations. */
const finds = (limit, factor, tried) => async (widths) => {
  const noise = limit + factor * [...widths.values()].reduce((sum, width) => sum + width.noise, 0);
  const snr = -10 * Math.log10(noise);
  tried.push(snr);
  const bytes = 100 + [...widths.values()].reduce((sum, width) => sum + width.bytes, 0);
  return { result: tried.length, outputs: [output(snr, 1 - Math.sqrt(noise) / 4)], bytes };
};

const chosenOf = ({ points }) => points.find((point) => point.chosen);

for (const factor of [0.2, 1, 3]) {
  test(`lossless comes near to what it asks for where predictions are ${factor} of what is found`, async () => {
    const tried = [];
    const found = await reach(made(), { kind: "lossless", snr: 20 }, 1e-4, finds(1e-4, factor, tried));
    assert.equal(found.missed, null);
    assert.ok(tried.length <= 3);
    const { snr, averageBits, bytes, milliseconds, measured } = chosenOf(found);
    assert.ok(snr >= 20 && snr < 23.5, `${snr} dB`);
    assert.equal(measured, true);
    // the figures are those of the widths
    const bits = [...found.widths.values()].map((width) => width.bits);
    const total = bits.reduce((sum, one) => sum + one, 0);
    assert.ok(Math.abs(averageBits - total / 3) < 1e-9);
    assert.equal(bytes, 100 + 100 * total);
    assert.equal(milliseconds, 1 + total / 2);
    // the first layer makes most noise
    assert.ok(bits[0] >= bits[2]);
    assert.equal(found.outputs[0].snr, snr);
  });
}

test("lossless by equal answers takes about as much noise as they allow", async () => {
  const tried = [];
  const found = await reach(made(), { kind: "lossless", agreement: 0.98 }, 1e-5, finds(1e-5, 1, tried));
  assert.equal(found.missed, null);
  const { agreement, averageBits } = chosenOf(found);
  assert.ok(agreement >= 0.98, `${agreement}`);
  const stricter = await reach(made(), { kind: "lossless", agreement: 0.995 }, 1e-5, finds(1e-5, 1, []));
  assert.ok(chosenOf(stricter).averageBits > averageBits);
});

test("of several trials the cheapest that is good enough is kept, and all are reported", async () => {
  const tried = [];
  const found = await reach(made(), { kind: "lossless", snr: 20 }, 0, finds(0, 3, tried));
  const measured = found.points.filter((point) => point.measured);
  assert.equal(measured.length, tried.length);
  const good = measured.filter(({ snr }) => snr >= 20);
  assert.equal(chosenOf(found).bytes, Math.min(...good.map(({ bytes }) => bytes)));
  const times = found.points.map(({ milliseconds }) => milliseconds);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  for (const { measured: isMeasured, agreement } of found.points) assert.equal(agreement === null, !isMeasured);
});

test("where activations leave no room, the nearest model's weights add little to their noise, and it is said", async () => {
  const limit = 0.02;
  const tried = [];
  const found = await reach(made(), { kind: "lossless" }, limit, finds(limit, 1, tried));
  assert.equal(found.missed, "activations");
  assert.equal(tried.length, 1);
  const noise = 10 ** (-chosenOf(found).snr / 10);
  assert.ok(noise > limit && noise <= 1.6 * limit);
});

test("where the widest levels are not enough, they are the nearest model, and it is said", async () => {
  const found = await reach(made(), { kind: "lossless", snr: 60 }, 0, finds(0, 1, []));
  assert.equal(found.missed, "weights");
  assert.deepEqual(
    [...found.widths.values()].map(({ bits }) => bits),
    [6, 6, 6],
  );
});

test("small keeps within the bytes, fast within the time, and both keep all that fits", async () => {
  const small = await reach(made(), { kind: "small", bytes: 1150 }, 0, finds(0, 1, []));
  assert.equal(small.missed, null);
  assert.equal(chosenOf(small).bytes, 1100);
  const lossless = chosenOf(await reach(made(), { kind: "lossless" }, 0, finds(0, 1, [])));
  const fast = await reach(made(), { kind: "fast", time: 0.8 }, 0, finds(0, 1, []));
  assert.equal(fast.missed, null);
  const { milliseconds } = chosenOf(fast);
  assert.ok(milliseconds <= 0.8 * lossless.milliseconds && milliseconds > 0.8 * lossless.milliseconds - 0.5);
});

for (const [factor, offset] of [
  [1, 250],
  [1, -250],
  [0.7, 0],
  [1.4, 30],
]) {
  test(`small fills its bytes where files have ${factor} of what was predicted and ${offset} bytes more`, async () => {
    const file = (bytes) => Math.round(factor * bytes) + offset;
    const other = async (widths) => {
      const found = await finds(0, 1, [])(widths);
      return { ...found, bytes: file(found.bytes) };
    };
    // every file there is, from 700 to 1900 bytes by prediction
    const limit = file(1250);
    const { missed, points, bytes } = await reach(made(), { kind: "small", bytes: limit }, 0, other);
    assert.equal(missed, null);
    assert.equal(bytes, file(1200));
    assert.ok(points.filter(({ measured }) => measured).length <= 4);
  });
}

test("the time of the lossless model, which fast is a share of, is corrected by what a trial has shown", async () => {
  for (const factor of [0.1, 0.3, 1, 3, 8]) {
    const lossless = chosenOf(await reach(made(), { kind: "lossless" }, 1e-5, finds(1e-5, factor, [])));
    const tried = [];
    const fast = await reach(made(), { kind: "fast", time: 0.75 }, 1e-5, finds(1e-5, factor, tried));
    assert.ok(Math.abs(fast.losslessTime - lossless.milliseconds) <= 1, `${factor}: ${fast.losslessTime}`);
    const most = 0.75 * fast.losslessTime;
    const { milliseconds } = chosenOf(fast);
    assert.ok(milliseconds <= most + 1e-9 && milliseconds > most - 0.5, `${factor}: ${milliseconds} of ${most}`);
    assert.ok(tried.length <= 3);
  }
});

/** A survey whose files and noise are not what it predicts: each choice of a layer by factors of its own. */
function erring(seed) {
  const random = createRandom(seed);
  const survey = made(Array.from({ length: 2 + random.below(6) }, () => 0.3 * random.uniform() ** 2));
  const real = new Map();
  for (const { choices } of survey.layers) {
    const [layerBytes, layerNoise] = [0.8 + 0.4 * random.uniform(), 0.5 + random.uniform()];
    for (const choice of choices) {
      const own = (width) => 1 + width * (random.uniform() - 0.5);
      real.set(choice, { bytes: layerBytes * own(0.1) * choice.bytes, noise: layerNoise * own(0.2) * choice.noise });
    }
  }
  const offset = random.below(200);
  const trial = async (widths) => {
    const all = [...widths.values()].map((choice) => real.get(choice));
    const noise = all.reduce((sum, one) => sum + one.noise, 0);
    const bytes = Math.round(all.reduce((sum, one) => sum + one.bytes, offset));
    return { result: 0, outputs: [output(-10 * Math.log10(noise))], bytes };
  };
  return { survey, trial, random };
}

test("small is the best model that was measured within its bytes, and a stricter limit gives none that is larger and worse", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { survey, trial, random } = erring(seed);
    const widest = (await trial(new Map(survey.layers.map(({ name, choices }) => [name, choices.at(-1)])))).bytes;
    const limits = Array.from({ length: 8 }, () => Math.round(widest * (0.2 + 0.8 * random.uniform())));
    const results = [];
    for (const limit of limits.sort((a, b) => a - b)) {
      const { missed, bytes, points } = await reach(survey, { kind: "small", bytes: limit }, 0, trial);
      const measured = points.filter((point) => point.measured);
      const chosen = points.find((point) => point.chosen);
      const where = `seed ${seed}, ${limit} bytes: ${JSON.stringify(measured.map((point) => [point.bytes, point.snr]))}`;
      assert.equal(chosen.bytes, bytes, where);
      const smallest = Math.min(...measured.map((point) => point.bytes));
      assert.equal(missed, smallest <= limit ? null : "size", where);
      const most = missed ? 1.02 * smallest : limit;
      assert.ok(bytes <= most, where);
      for (const other of measured) assert.ok(other.bytes > most || other.snr <= chosen.snr, where);
      results.push({ limit, bytes, snr: chosen.snr, where });
    }
    for (const [i, strict] of results.entries()) {
      for (const loose of results.slice(i + 1)) {
        assert.ok(strict.bytes <= loose.bytes || strict.snr >= loose.snr, `${strict.where}\n${loose.where}`);
      }
    }
  }
});

test("lossless takes no model that is larger and keeps less than another that was tried", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { survey, trial } = erring(seed);
    for (const snr of [10, 17, 24]) {
      const { points } = await reach(survey, { kind: "lossless", snr }, 0, trial);
      const chosen = points.find((point) => point.chosen);
      for (const other of points.filter(({ measured }) => measured)) {
        const isBetter = other.bytes < chosen.bytes && other.snr > chosen.snr;
        assert.ok(!isBetter || other.milliseconds > chosen.milliseconds, `seed ${seed}, ${snr} dB`);
      }
    }
  }
});

test("sizes and times out of reach give the nearest model", async () => {
  const small = await reach(made(), { kind: "small", bytes: 10 }, 0, finds(0, 1, []));
  assert.deepEqual([small.missed, chosenOf(small).bytes], ["size", 700]);
  const fast = await reach(made(), { kind: "fast", time: 0.01 }, 0, finds(0, 1, []));
  assert.deepEqual([fast.missed, chosenOf(fast).milliseconds], ["time", 4]);
  assert.ok(fast.losslessTime > 4);
});

test("what is out of reach may cost 2 % more than the least, which keeps far more", async () => {
  const survey = made();
  for (const { choices } of survey.layers) {
    for (const [step, choice] of choices.entries()) {
      choice.milliseconds = 1 + 0.01 * step;
      choice.bytes = 200 + 2 * step;
    }
  }
  const fast = await reach(survey, { kind: "fast", time: 0.01 }, 0, finds(0, 1, []));
  const least = 1 + 3;
  assert.equal(fast.missed, "time");
  assert.ok(chosenOf(fast).milliseconds > least && chosenOf(fast).milliseconds <= 1.02 * least);
  const tried = [];
  const small = await reach(survey, { kind: "small", bytes: 10 }, 0, finds(0, 1, tried));
  assert.equal(small.missed, "size");
  assert.ok(chosenOf(small).bytes > 700 && chosenOf(small).bytes <= 1.02 * 700);
  assert.ok(tried.at(-1) > tried[0] + 3, "dB");
});

test("outputs that only name something count by their answers, and values that are not finite as lost", async () => {
  const answers = (agreement) => async () => ({ result: 0, outputs: [output(3, agreement, null)], bytes: 1 });
  assert.equal((await reach(made(), { kind: "lossless" }, 0, answers(0.99))).missed, null);
  assert.equal((await reach(made(), { kind: "lossless" }, 0, answers(0.9))).missed, "weights");
  const broken = async () => ({ result: 0, outputs: [{ ...output(null), lacks: "finite values" }], bytes: 1 });
  assert.equal((await reach(made(), { kind: "lossless" }, 0, broken)).missed, "weights");
});

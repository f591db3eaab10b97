// elementary.spec.ts: the exp and log of the training kernels against those of the standard library.
import { exp, log } from "../../../assembly/training/shared/elementary";

function near(found: f64, expected: f64, tolerance: f64): bool {
  return Math.abs(found - expected) <= tolerance * expected;
}

describe("exp", () => {
  it("is right to a few units in the last place from 0 down to -708", () => {
    for (let x: f64 = 0; x > -708; x -= 0.37) expect<bool>(near(exp(x), Math.exp(x), 1e-15)).toBe(true, x.toString());
  });
  it("is exact at 0, 0 far below and NaN for NaN", () => {
    expect<f64>(exp(0)).toBe(1);
    expect<f64>(exp(-709)).toBe(0);
    expect<f64>(exp(-Infinity)).toBe(0);
    expect<f64>(exp(NaN)).toBeNaN();
  });
});

describe("log", () => {
  it("is right within 1e-15, absolute below e, from 1 to a million classes", () => {
    expect<f64>(log(1)).toBe(0);
    for (let x: f64 = 1.001; x < 1e6; x *= 1.37) {
      expect<bool>(Math.abs(log(x) - Math.log(x)) <= 1e-15 * Math.max(1, Math.log(x))).toBe(true, x.toString());
    }
  });
});

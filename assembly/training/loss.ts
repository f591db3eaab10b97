// loss.ts: softmax cross-entropy, distillation, and their gradients, in float64.
import { exp, log } from "./shared/elementary";

/** The memory of a loss: one row of `classes` for each image. */
@unmanaged
export class LossJob {
  classes!: i32;
  /** float32: the network's, and what is to come of their gradient. */
  logits!: usize;
  dlogits!: usize;
  /** u8, one for each image. */
  labels!: usize;
  /** float32, another network's logits. */
  teacher!: usize;
  /** Room for 2 `classes` float64. */
  probabilities!: usize;
  /** float64: the sum of losses, the number of right answers. */
  result!: usize;
}

/** e^(z_c / temperature - top) of one row into `to` as f64, top being the largest exponent; returns their sum. */
function softened(z: usize, classes: i32, temperature: f64, to: usize): f64 {
  let top = load<f32>(z);
  for (let c = 1; c < classes; c++) top = max<f32>(top, load<f32>(z + ((<usize>c) << 2)));
  let sum: f64 = 0;
  for (let c = 0; c < classes; c++) {
    const e = exp((<f64>load<f32>(z + ((<usize>c) << 2)) - <f64>top) / temperature);
    store<f64>(to + ((<usize>c) << 3), e);
    sum += e;
  }
  return sum;
}

/**
 * Hinton et al. 2015: with p and q the softmax of logits / T and of the teacher's logits / T, adds
 *   share T^2 d/dz sum q (ln q - ln p) / divisor = share T (p - q) / divisor
 * to dlogits and returns the sum over the rows of T^2 sum q (ln q - ln p).
 */
export function distill(job: LossJob, count: i32, temperature: f64, share: f64, divisor: f64): f64 {
  const classes = job.classes;
  const probabilities = job.probabilities;
  let logits = job.logits;
  let teacher = job.teacher;
  let dlogits = job.dlogits;
  const qs = probabilities + ((<usize>classes) << 3);
  let loss: f64 = 0;
  for (let n = 0; n < count; n++) {
    const pSum = softened(logits, classes, temperature, probabilities);
    const qSum = softened(teacher, classes, temperature, qs);
    for (let c = 0; c < classes; c++) {
      const at = (<usize>c) << 3;
      // below 1e-150 a q adds nothing, and a p is held there so that the loss stays finite
      const p = max<f64>(load<f64>(probabilities + at) / pSum, 1e-150);
      const q = load<f64>(qs + at) / qSum;
      if (q > 1e-150) loss += temperature * temperature * q * (log(1 / p) - log(1 / q));
      const d = dlogits + ((<usize>c) << 2);
      store<f32>(d, load<f32>(d) + <f32>((share * temperature * (p - q)) / divisor));
    }
    logits += (<usize>classes) << 2;
    teacher += (<usize>classes) << 2;
    dlogits += (<usize>classes) << 2;
  }
  return loss;
}

/**
 * Cross-entropy of `count` rows of logits against labels, and dlogits = (softmax - target) / divisor.
 * target = (1 - smoothing) one-hot + smoothing / classes. An answer is right if the largest logit (the first of equals) is
 * the label's.
 */
export function softmaxCrossEntropy(job: LossJob, count: i32, smoothing: f64, divisor: f64): void {
  const classes = job.classes;
  const labels = job.labels;
  const probabilities = job.probabilities;
  let logits = job.logits;
  let dlogits = job.dlogits;
  let loss: f64 = 0;
  let correct: f64 = 0;
  const even = smoothing / <f64>classes;
  for (let n = 0; n < count; n++) {
    const label = <i32>load<u8>(labels + <usize>n);
    let best = 0;
    let top = load<f32>(logits);
    for (let c = 1; c < classes; c++) {
      const z = load<f32>(logits + ((<usize>c) << 2));
      if (z > top) {
        top = z;
        best = c;
      }
    }
    let sum: f64 = 0;
    let linear: f64 = 0;
    for (let c = 0; c < classes; c++) {
      const z = <f64>load<f32>(logits + ((<usize>c) << 2)) - <f64>top;
      const e = exp(z);
      store<f64>(probabilities + ((<usize>c) << 3), e);
      sum += e;
      linear += z * ((c === label ? 1 - smoothing : 0) + even);
    }
    // -sum target (z - log sum e^z), the targets adding up to 1
    loss += log(sum) - linear;
    if (best === label) correct += 1;
    for (let c = 0; c < classes; c++) {
      const target = (c === label ? 1 - smoothing : 0) + even;
      const p = load<f64>(probabilities + ((<usize>c) << 3)) / sum;
      store<f32>(dlogits + ((<usize>c) << 2), <f32>((p - target) / divisor));
    }
    logits += (<usize>classes) << 2;
    dlogits += (<usize>classes) << 2;
  }
  store<f64>(job.result, loss);
  store<f64>(job.result, correct, 8);
}

// loss.js: the loss of a batch in float64: cross-entropy with smoothed labels, and what a teacher adds.

function logSoftmax(z) {
  const top = Math.max(...z);
  const sum = z.reduce((total, value) => total + Math.exp(value - top), 0);
  return z.map((value) => value - top - Math.log(sum));
}

/**
 * Mean over images of (1 - share) CE + share T^2 KL, and its gradient with respect to the logits.
 * @param soft the teacher's logits, temperature and share; null without one
 */
export function lossOf(logits, labels, smoothing, soft = null) {
  const classes = logits.length / labels.length;
  const gradient = new Float64Array(logits.length);
  const { temperature, share } = soft ?? { temperature: 1, share: 0 };
  let loss = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = (values, t) => logSoftmax(Array.from({ length: classes }, (_, c) => values[n * classes + c] / t));
    const hard = row(logits, 1);
    const p = row(logits, temperature);
    const q = soft ? row(soft.logits, temperature) : p;
    for (let c = 0; c < classes; c++) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      const divergence = temperature ** 2 * Math.exp(q[c]) * (q[c] - p[c]);
      loss += (share * divergence - (1 - share) * target * hard[c]) / labels.length;
      const slope =
        (1 - share) * (Math.exp(hard[c]) - target) + share * temperature * (Math.exp(p[c]) - Math.exp(q[c]));
      gradient[n * classes + c] = slope / labels.length;
    }
  }
  return { loss, gradient };
}

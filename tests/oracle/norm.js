// norm.js: batch norm with the batch's own statistics in "train", with the running ones otherwise.

/** Per channel mean and variance, how many samples they are made of (0: constants), and the channel of every value. */
function statistics({ inputs: [x], count, shape: [channels, height, width], mode, parameter }) {
  const channel = (i) => Math.floor(i / (height * width)) % channels;
  if (mode !== "train") return { channel, samples: 0, mean: parameter("mean"), variance: parameter("variance") };
  const samples = count * height * width;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < x.length; i++) mean[channel(i)] += x[i] / samples;
  for (let i = 0; i < x.length; i++) variance[channel(i)] += (x[i] - mean[channel(i)]) ** 2 / samples;
  return { channel, samples, mean, variance };
}

/** Deviation of each channel and the normalized values. */
function normalized(call) {
  const { channel, samples, mean, variance } = statistics(call);
  const deviation = variance.map((value) => Math.sqrt(value + call.node.epsilon));
  const hat = call.inputs[0].map((x, i) => (x - mean[channel(i)]) / deviation[channel(i)]);
  return { channel, samples, deviation, hat };
}

export const batchNorm = {
  forward(call) {
    const [gamma, beta] = [call.parameter("gamma"), call.parameter("beta")];
    const { channel, hat } = normalized(call);
    return hat.map((value, i) => gamma[channel(i)] * value + beta[channel(i)]);
  },
  backward(call, dy, [dx]) {
    const gamma = call.parameter("gamma");
    const { channel, samples, deviation, hat } = normalized(call);
    const dgamma = new Float64Array(gamma.length);
    const dbeta = new Float64Array(gamma.length);
    for (let i = 0; i < dy.length; i++) {
      dgamma[channel(i)] += dy[i] * hat[i];
      dbeta[channel(i)] += dy[i];
    }
    for (let i = 0; i < dy.length; i++) {
      const c = channel(i);
      const through = samples ? (dbeta[c] + hat[i] * dgamma[c]) / samples : 0;
      dx[i] += (gamma[c] / deviation[c]) * (dy[i] - through);
    }
    return { gamma: dgamma, beta: dbeta };
  },
};

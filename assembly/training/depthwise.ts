// depthwise.ts: convolution with one input channel a group, straight from the planes: too few rows for a GEMM tile.

/** Four pixels, neighbours or not. */
function gather(x: usize, pixels: usize, neighbours: bool): v128 {
  if (neighbours) return v128.load(x + <usize>load<u32>(pixels));
  const v = v128.load32_zero(x + <usize>load<u32>(pixels));
  const w = f32x4.replace_lane(v, 1, load<f32>(x + <usize>load<u32>(pixels, 4)));
  const u = f32x4.replace_lane(w, 2, load<f32>(x + <usize>load<u32>(pixels, 8)));
  return f32x4.replace_lane(u, 3, load<f32>(x + <usize>load<u32>(pixels, 12)));
}

/** The product of one channel, whichever it is. */
@unmanaged
export class PlaneJob {
  /** u32 byte offsets: of the taps and their weights, and for each pixel of its first tap and of its result. */
  taps!: usize;
  weights!: usize;
  inputs!: usize;
  outputs!: usize;
  depth!: i32;
  pixels!: i32;
}

/**
 * One channel: y[outputs[p]] (+)= bias + sum over k of w[weights[k]] x[taps[k] + inputs[p]]; bias is the address of one
 * float, or 0 for none.
 * Serves the forward pass and, with the taps of one stride phase, the data gradient.
 */
export function depthwisePlane(job: PlaneJob, x: usize, w: usize, bias: usize, y: usize, accumulate: bool): void {
  const taps = job.taps;
  const weights = job.weights;
  const depth = job.depth;
  const pixels = job.pixels;
  let inputs = job.inputs;
  let outputs = job.outputs;
  const start: f32 = bias ? load<f32>(bias) : 0;
  let p = 0;
  for (; p + 4 <= pixels; p += 4, inputs += 16, outputs += 16) {
    const near = load<u32>(inputs, 12) - load<u32>(inputs) === 12;
    let sum = f32x4.splat(start);
    for (let k: usize = 0; k < (<usize>depth) << 2; k += 4) {
      const v = gather(x + <usize>load<u32>(taps + k), inputs, near);
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w + <usize>load<u32>(weights + k)), v));
    }
    const first = y + <usize>load<u32>(outputs);
    if (load<u32>(outputs, 12) - load<u32>(outputs) === 12) {
      v128.store(first, accumulate ? f32x4.add(v128.load(first), sum) : sum);
      continue;
    }
    put(first, f32x4.extract_lane(sum, 0), accumulate);
    put(y + <usize>load<u32>(outputs, 4), f32x4.extract_lane(sum, 1), accumulate);
    put(y + <usize>load<u32>(outputs, 8), f32x4.extract_lane(sum, 2), accumulate);
    put(y + <usize>load<u32>(outputs, 12), f32x4.extract_lane(sum, 3), accumulate);
  }
  for (; p < pixels; p++, inputs += 4, outputs += 4) {
    const at = x + <usize>load<u32>(inputs);
    let sum = start;
    for (let k: usize = 0; k < (<usize>depth) << 2; k += 4) {
      sum += load<f32>(w + <usize>load<u32>(weights + k)) * load<f32>(at + <usize>load<u32>(taps + k));
    }
    put(y + <usize>load<u32>(outputs), sum, accumulate);
  }
}

function put(to: usize, value: f32, accumulate: bool): void {
  store<f32>(to, accumulate ? load<f32>(to) + value : value);
}

/** One channel of one image: g[k] += sum over pixels of dy[pixel] x[taps[k] + offset]; runs as in gemmRuns. */
export function depthwiseWeightGradient(job: PlaneJob, x: usize, runs: usize, dy: usize, g: usize): void {
  const depth = job.depth;
  const pixels = job.pixels;
  let taps = job.taps;
  for (let k = 0; k < depth; k++, taps += 4, g += 4) {
    const base = x + <usize>load<u32>(taps);
    let run = runs;
    let d = dy;
    let lanes = f32x4.splat(0);
    let rest: f32 = 0;
    let left = pixels;
    while (left > 0) {
      let at = base + <usize>load<u32>(run);
      const count = min<i32>(load<i32>(run, 4), left);
      const step = <usize>load<u32>(run, 8);
      run += 12;
      left -= count;
      let i = 0;
      if (step === 4) {
        for (; i + 4 <= count; i += 4, at += 16, d += 16) {
          lanes = f32x4.add(lanes, f32x4.mul(v128.load(d), v128.load(at)));
        }
      }
      for (; i < count; i++, at += step, d += 4) rest += load<f32>(d) * load<f32>(at);
    }
    const pairs = f32x4.add(lanes, i64x2.shuffle(lanes, lanes, 1, 0));
    store<f32>(g, load<f32>(g) + (f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1) + rest));
  }
}

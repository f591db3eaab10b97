// pool.ts: maximum and average pooling over planes, forward and backward.

/** Windows over planes of height x width; padding below and to the right is what the output's size makes it. */
@unmanaged
export class PoolJob {
  height!: i32;
  width!: i32;
  kernelHeight!: i32;
  kernelWidth!: i32;
  strideY!: i32;
  strideX!: i32;
  top!: i32;
  left!: i32;
  outHeight!: i32;
  outWidth!: i32;
}

/**
 * Maximum over windows; padding never wins, the first of equal values does. `winners` keeps, for every output, the
 * index of its maximum inside the input plane (u32), or the plane's size where a window lies wholly in the padding.
 */
export function maxPool(job: PoolJob, x: usize, planes: i32, y: usize, winners: usize): void {
  const height = job.height;
  const width = job.width;
  const kernelHeight = job.kernelHeight;
  const kernelWidth = job.kernelWidth;
  const strideY = job.strideY;
  const strideX = job.strideX;
  const top = job.top;
  const left = job.left;
  const outHeight = job.outHeight;
  const outWidth = job.outWidth;
  for (let p = 0; p < planes; p++, x += (<usize>(height * width)) << 2) {
    for (let oy = 0; oy < outHeight; oy++) {
      // the rows and columns of the window that are inside the plane
      const y0 = oy * strideY - top;
      const yStart = max<i32>(y0, 0);
      const yEnd = min<i32>(y0 + kernelHeight, height);
      for (let ox = 0; ox < outWidth; ox++, y += 4, winners += 4) {
        const x0 = ox * strideX - left;
        const xStart = max<i32>(x0, 0);
        const xEnd = min<i32>(x0 + kernelWidth, width);
        // a window wholly in the padding has no winner
        let best = -f32.MAX_VALUE;
        let at = yStart < yEnd && xStart < xEnd ? yStart * width + xStart : height * width;
        for (let iy = yStart; iy < yEnd; iy++) {
          for (let ix = xStart; ix < xEnd; ix++) {
            const i = iy * width + ix;
            const v = load<f32>(x + ((<usize>i) << 2));
            // a NaN wins, so that it reaches the loss and is found
            if (v > best || f32.ne(v, v)) {
              best = v;
              at = i;
            }
          }
        }
        store<f32>(y, best);
        store<u32>(winners, at);
      }
    }
  }
}

/** to[i] = max(to[i], x[i]), a NaN where one is, for i < count */
function raise(x: usize, to: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 16, to += 16) v128.store(to, f32x4.max(v128.load(to), v128.load(x)));
  for (; i < count; i++, x += 4, to += 4) store<f32>(to, max<f32>(load<f32>(to), load<f32>(x)));
}

/**
 * The maxima of maxPool without their places, several times as fast: first of the window's rows, then of columns. No branch
 * depends on a value. `row` has room for a row of the input.
 */
export function maxPoolValues(job: PoolJob, x: usize, planes: i32, y: usize, row: usize): void {
  const width = job.width;
  const rowBytes = (<usize>width) << 2;
  for (let p = 0; p < planes; p++, x += <usize>job.height * rowBytes) {
    for (let oy = 0; oy < job.outHeight; oy++) {
      const y0 = oy * job.strideY - job.top;
      const end = min<i32>(y0 + job.kernelHeight, job.height);
      for (let at = row; at < row + rowBytes; at += 4) store<f32>(at, -f32.MAX_VALUE);
      for (let iy = max<i32>(y0, 0); iy < end; iy++) raise(x + <usize>iy * rowBytes, row, width);
      for (let ox = 0; ox < job.outWidth; ox++, y += 4) {
        const x0 = ox * job.strideX - job.left;
        const stop = row + ((<usize>max<i32>(min<i32>(x0 + job.kernelWidth, width), 0)) << 2);
        let best = f32x4.splat(-f32.MAX_VALUE);
        for (let at = row + ((<usize>max<i32>(x0, 0)) << 2); at < stop; at += 4) {
          best = f32x4.max(best, v128.load32_zero(at));
        }
        store<f32>(y, f32x4.extract_lane(best, 0));
      }
    }
  }
}

/** dx[winner] += dy; dx is cleared first unless `accumulate`. */
export function maxPoolBackward(
  job: PoolJob,
  dy: usize,
  winners: usize,
  planes: i32,
  dx: usize,
  accumulate: bool,
): void {
  const plane = job.height * job.width;
  const outPlane = job.outHeight * job.outWidth;
  const planeBytes = (<usize>plane) << 2;
  if (!accumulate) memory.fill(dx, 0, <usize>planes * planeBytes);
  for (let p = 0; p < planes; p++, dx += planeBytes) {
    for (let i = 0; i < outPlane; i++, dy += 4, winners += 4) {
      const winner = load<i32>(winners);
      if (winner >= plane) continue;
      const at = dx + ((<usize>winner) << 2);
      store<f32>(at, load<f32>(at) + load<f32>(dy));
    }
  }
}

/** Mean over windows that all lie inside the plane. */
export function avgPool(job: PoolJob, x: usize, planes: i32, y: usize): void {
  const height = job.height;
  const width = job.width;
  const kernelHeight = job.kernelHeight;
  const kernelWidth = job.kernelWidth;
  const strideY = job.strideY;
  const strideX = job.strideX;
  const outHeight = job.outHeight;
  const outWidth = job.outWidth;
  const size = <f32>(kernelHeight * kernelWidth);
  for (let p = 0; p < planes; p++, x += (<usize>(height * width)) << 2) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++, y += 4) {
        let sum: f32 = 0;
        for (let ky = 0; ky < kernelHeight; ky++) {
          let at = x + ((<usize>((oy * strideY + ky) * width + ox * strideX)) << 2);
          for (let kx = 0; kx < kernelWidth; kx++, at += 4) sum += load<f32>(at);
        }
        store<f32>(y, sum / size);
      }
    }
  }
}

/** Every input of a window gets dy / window size; dx is cleared first unless `accumulate`. */
export function avgPoolBackward(job: PoolJob, dy: usize, planes: i32, dx: usize, accumulate: bool): void {
  const height = job.height;
  const width = job.width;
  const kernelHeight = job.kernelHeight;
  const kernelWidth = job.kernelWidth;
  const strideY = job.strideY;
  const strideX = job.strideX;
  const outHeight = job.outHeight;
  const outWidth = job.outWidth;
  const size = <f32>(kernelHeight * kernelWidth);
  const planeBytes = (<usize>(height * width)) << 2;
  if (!accumulate) memory.fill(dx, 0, <usize>planes * planeBytes);
  for (let p = 0; p < planes; p++, dx += planeBytes) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++, dy += 4) {
        const share = load<f32>(dy) / size;
        for (let ky = 0; ky < kernelHeight; ky++) {
          let at = dx + ((<usize>((oy * strideY + ky) * width + ox * strideX)) << 2);
          for (let kx = 0; kx < kernelWidth; kx++, at += 4) store<f32>(at, load<f32>(at) + share);
        }
      }
    }
  }
}

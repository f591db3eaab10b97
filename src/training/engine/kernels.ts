// kernels.ts: the training module's exports as types.

/** An address or a length inside the instance's memory, in bytes. */
export type Pointer = number;

type Flag = 0 | 1;

/** What assembly/training exports; meanings, layouts and units are documented there, file by file. */
export interface Kernels extends Record<string, unknown> {
  /** What they work on, for the layers that are plain TypeScript. */
  readonly memory: WebAssembly.Memory;
  // pack.ts
  padPlanes(
    from: Pointer,
    to: Pointer,
    planes: number,
    height: number,
    width: number,
    outerHeight: number,
    outerWidth: number,
    top: number,
    left: number,
  ): void;
  packRows(w: Pointer, rowBytes: number, columns: Pointer, rows: number, depth: number, a: Pointer): void;
  unpackSums(sums: Pointer, rows: number, depth: number, depthRounded: number, g: Pointer): void;
  // convolution.ts
  convPanels(
    x: Pointer,
    taps: Pointer,
    depth: number,
    inputs: Pointer,
    outputs: Pointer,
    pixels: number,
    a: Pointer,
    bias: Pointer,
    rows: number,
    y: Pointer,
    stride: number,
    accumulate: Flag,
    scratch: Pointer,
  ): void;
  convWeightGradient(
    x: Pointer,
    taps: Pointer,
    depthRounded: number,
    runs: Pointer,
    dy: Pointer,
    images: number,
    imageBytes: number,
    rows: number,
    plane: number,
    sums: Pointer,
    scratch: Pointer,
  ): void;
  // depthwise.ts
  depthwisePlane(
    x: Pointer,
    taps: Pointer,
    weights: Pointer,
    depth: number,
    inputs: Pointer,
    outputs: Pointer,
    pixels: number,
    w: Pointer,
    bias: Pointer,
    y: Pointer,
    accumulate: Flag,
  ): void;
  depthwiseWeightGradient(
    x: Pointer,
    taps: Pointer,
    depth: number,
    runs: Pointer,
    dy: Pointer,
    pixels: number,
    g: Pointer,
  ): void;
  // norm.ts
  normStatistics(x: Pointer, count: number, channels: number, plane: number, mean: Pointer, variance: Pointer): void;
  normFactors(gamma: Pointer, variance: Pointer, epsilon: number, channels: number, factor: Pointer): void;
  normApply(
    x: Pointer,
    residual: Pointer,
    y: Pointer,
    count: number,
    channels: number,
    plane: number,
    mean: Pointer,
    factor: Pointer,
    beta: Pointer,
    low: number,
    high: number,
  ): void;
  normGradientSums(
    x: Pointer,
    dy: Pointer,
    count: number,
    channels: number,
    plane: number,
    mean: Pointer,
    factor: Pointer,
    beta: Pointer,
    low: number,
    high: number,
    sums: Pointer,
  ): void;
  normGradientFactors(
    sums: Pointer,
    factor: Pointer,
    variance: Pointer,
    epsilon: number,
    channels: number,
    samples: number,
    dgamma: Pointer,
    dbeta: Pointer,
    centre: Pointer,
    slope: Pointer,
  ): void;
  normBackward(
    x: Pointer,
    dy: Pointer,
    dx: Pointer,
    count: number,
    channels: number,
    plane: number,
    mean: Pointer,
    factor: Pointer,
    beta: Pointer,
    low: number,
    high: number,
    centre: Pointer,
    slope: Pointer,
  ): void;
  // elementwise.ts
  clampSum(a: Pointer, b: Pointer, y: Pointer, length: number, low: number, high: number): void;
  clampBackward(
    y: Pointer,
    dy: Pointer,
    dx: Pointer,
    length: number,
    low: number,
    high: number,
    accumulate: Flag,
  ): void;
  leakyRelu(x: Pointer, y: Pointer, length: number, slope: number): void;
  leakyReluBackward(x: Pointer, dy: Pointer, dx: Pointer, length: number, slope: number, accumulate: Flag): void;
  dropout(x: Pointer, y: Pointer, length: number, seed: number, limit: number, factor: number, accumulate: Flag): void;
  fill(x: Pointer, length: number, value: number): void;
  moveBox(
    from: Pointer,
    fromImage: number,
    fromPlane: number,
    fromRow: number,
    fromColumn: number,
    to: Pointer,
    toImage: number,
    toPlane: number,
    toRow: number,
    toColumn: number,
    images: number,
    planes: number,
    rows: number,
    columns: number,
    accumulate: Flag,
  ): void;
  addInto(x: Pointer, y: Pointer, length: number): void;
  clear(x: Pointer, length: number): void;
  scale(x: Pointer, length: number, factor: number): void;
  moveBlocks(
    from: Pointer,
    fromStride: number,
    to: Pointer,
    toStride: number,
    bytes: number,
    blocks: number,
    accumulate: Flag,
  ): void;
  channelSums(dy: Pointer, count: number, channels: number, plane: number, sums: Pointer): void;
  firstNonFinite(x: Pointer, length: number): number;
  // pool.ts
  maxPool(
    x: Pointer,
    planes: number,
    height: number,
    width: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    top: number,
    left: number,
    outHeight: number,
    outWidth: number,
    y: Pointer,
    winners: Pointer,
  ): void;
  maxPoolBackward(
    dy: Pointer,
    winners: Pointer,
    planes: number,
    plane: number,
    outPlane: number,
    dx: Pointer,
    accumulate: Flag,
  ): void;
  avgPool(
    x: Pointer,
    planes: number,
    height: number,
    width: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    outHeight: number,
    outWidth: number,
    y: Pointer,
  ): void;
  avgPoolBackward(
    dy: Pointer,
    planes: number,
    height: number,
    width: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    outHeight: number,
    outWidth: number,
    dx: Pointer,
    accumulate: Flag,
  ): void;
  // loss.ts
  softmaxCrossEntropy(
    logits: Pointer,
    labels: Pointer,
    count: number,
    classes: number,
    smoothing: number,
    divisor: number,
    dlogits: Pointer,
    probabilities: Pointer,
    result: Pointer,
  ): void;
  distill(
    logits: Pointer,
    teacher: Pointer,
    count: number,
    classes: number,
    temperature: number,
    share: number,
    divisor: number,
    dlogits: Pointer,
    probabilities: Pointer,
  ): number;
  // sgd.ts
  sgdStep(
    w: Pointer,
    g: Pointer,
    v: Pointer,
    trainable: Pointer,
    length: number,
    rate: number,
    momentum: number,
    decay: number,
    nesterov: Flag,
  ): void;
  approach(w: Pointer, a: Pointer, length: number, share: number): void;
  sumOfSquares(x: Pointer, length: number): number;
  // quantize.ts
  quantizeLinear(x: Pointer, y: Pointer, length: number, scale: number, zero: number, top: number): void;
  quantizeLevels(x: Pointer, y: Pointer, length: number, scale: number, table: Pointer, thresholds: number): void;
  // moments.ts
  productSums(
    a: Pointer,
    b: Pointer,
    taps: Pointer,
    depthRounded: number,
    runs: Pointer,
    pixels: number,
    symmetric: Flag,
    sums: Pointer,
    scratch: Pointer,
  ): void;
  tapSums(x: Pointer, taps: Pointer, depth: number, runs: Pointer, pixels: number, sums: Pointer): void;
  // compensation.ts
  factorUpper(h: Pointer, n: number): number;
  solveBlock(h: Pointer, n: number, b: Pointer): void;
  multiplyBlock(m: Pointer, n: number, x: Pointer, y: Pointer): void;
  roundBlock(
    feedback: Pointer,
    n: number,
    whole: Flag,
    weights: Pointer,
    errors: Pointer,
    states: Pointer,
    codes: Pointer,
    scales: Pointer,
    levels: Pointer,
    midpoints: Pointer,
    count: number,
    room: Pointer,
  ): void;
}

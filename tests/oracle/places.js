// places.js: indices of tensors (count, channels, height, width) in row-major order.

export const volume = (shape) => shape.reduce((product, n) => product * n, 1);

/** Distances of neighbours along each axis. */
export const strides = (shape) => shape.map((_, axis) => volume(shape.slice(axis + 1)));

/** Calls `visit` with the index of every element and its image, channel, row and column. */
export function eachPlace(count, [channels, height, width], visit) {
  let i = 0;
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) visit(i++, n, c, y, x);
      }
    }
  }
}

/** Index of an element; an axis of length 1 meets every index. */
export function indexOf([channels, height, width], n, c, y, x) {
  const [channel, row, column] = [channels === 1 ? 0 : c, height === 1 ? 0 : y, width === 1 ? 0 : x];
  return ((n * channels + channel) * height + row) * width + column;
}

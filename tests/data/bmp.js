// bmp.js: small pictures that need no package to be written or read.

/** A grey 24-bit BMP; `valueAt(x, y)` is a pixel, 0..255, y from the top. */
export function bmp(width, height, valueAt) {
  const row = Math.ceil((3 * width) / 4) * 4;
  const bytes = Buffer.alloc(54 + row * height);
  bytes.write("BM");
  const fields = [
    [2, bytes.length],
    [10, 54],
    [14, 40],
    [18, width],
    [22, height],
  ];
  for (const [at, number] of fields) bytes.writeUInt32LE(number, at);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      bytes.fill(valueAt(x, y), 54 + row * (height - 1 - y) + 3 * x, 57 + row * (height - 1 - y) + 3 * x);
  }
  return bytes;
}

// features.js: what this machine and browser have, for the benchmark's page.

// (module (func (result v128) i32.const 0 i8x16.splat)), and the same with i8x16.relaxed_swizzle
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** Names and values to show. */
export function features() {
  const has = (bytes) => (globalThis.WebAssembly?.validate(new Uint8Array(bytes)) ? "yes" : "no");
  return [
    ["SIMD", has(SIMD)],
    ["Relaxed SIMD", has(RELAXED)],
    ["Threads", globalThis.crossOriginIsolated ? "yes" : "no, page is not isolated"],
    ["Logical cores", String(navigator.hardwareConcurrency ?? "unknown")],
    ["Browser", browser()],
  ];
}

function browser() {
  const agent = navigator.userAgent;
  const [, name, version] = agent.match(/(Firefox|Edg|Chrome|Version)\/(\d+)/) ?? [null, "unknown", ""];
  return `${{ Version: "Safari", Edg: "Edge" }[name] ?? name} ${version}`;
}

// page.test.js: a report as a page: tables, charts whose points have names, pictures, and nothing from outside.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { reportPage } from "../../dist/report/index.js";
import { pngOf } from "../../dist/report/png.js";

const REPORT = {
  title: "a <b> & c",
  command: "shiftwise eval 'a b' --data x",
  when: new Date(0),
  facts: [["network", "<script>"]],
  sections: [
    { title: "Table", columns: [["name"], ["value", "right"]], rows: [["<i>", "1"]], text: ["one & two"] },
    {
      title: "Bars",
      bars: {
        label: "dB",
        low: 20,
        bars: [
          { name: "x", value: 40, text: "40 dB" },
          { name: "y", value: 10, text: "10 dB" },
          { name: "z", value: null, text: "—" },
        ],
      },
    },
    {
      title: "Points",
      scatter: {
        title: "y against x",
        x: "x",
        y: "y",
        points: Array.from({ length: 12 }, (_, i) => ({ x: 7, y: 3, label: `p${i}"`, series: `s${i % 3}` })),
      },
    },
    {
      title: "Pictures",
      pictures: [
        { pixels: Uint8Array.of(1, 2, 3, 4), channels: 1, height: 2, width: 2, title: "a.png", lines: ["is b"] },
      ],
    },
  ],
};

test("a page has what was run, and everything in it is escaped", () => {
  const page = reportPage(REPORT);
  assert.match(page, /<h1>a &lt;b> &amp; c<\/h1>/);
  assert.match(page, /<code>shiftwise eval 'a b' --data x<\/code>/);
  assert.match(page, /1970-01-01 00:00 UTC/);
  assert.match(page, /<dd>&lt;script><\/dd>/);
  assert.match(page, /<td>&lt;i><\/td><td class="r">1<\/td>/);
  assert.doesNotMatch(page, /<script|<link|@import|https?:/);
});

test("every point and bar has its name", () => {
  const page = reportPage(REPORT);
  for (let i = 0; i < 12; i++) assert.ok(page.includes(`<title>p${i}&quot;: 7, 3</title>`), `p${i}`);
  assert.match(page, /<span class="b low" style="width:25\.0%">/);
  assert.match(page, /<span class="n">z<\/span><span class="b" style="width:0\.0%">/);
  assert.match(page, /data:image\/png;base64,/);
});

test("one point, equal points and no spread make a chart of finite numbers", () => {
  for (const points of [[{ x: 0, y: 0, label: "a", series: "s" }], [{ x: 1e9, y: -5, label: "b", series: "s" }]]) {
    const section = { title: "t", scatter: { title: "t", x: "x", y: "y", points } };
    assert.doesNotMatch(reportPage({ ...REPORT, sections: [section] }), /NaN|Infinity|undefined/);
  }
});

test("pictures are whole PNG files", () => {
  const pixels = Uint8Array.of(10, 20, 30, 40, 50, 60);
  const png = pngOf({ pixels, channels: 3, height: 1, width: 2 });
  const view = new DataView(png.buffer);
  assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  assert.deepEqual([view.getUint32(16), view.getUint32(20), png[25]], [2, 1, 2]);
  const length = view.getUint32(33);
  assert.deepEqual([...inflateSync(png.subarray(41, 41 + length))], [0, 10, 30, 50, 20, 40, 60]);
  // the checksum of the end, which is always the same
  assert.deepEqual([...png.subarray(-4)], [0xae, 0x42, 0x60, 0x82]);
});

// found.test.js: files that were findings of the campaign, judged as it judges.
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { judgeFile } from "./files/target.js";
import { judgeOnnx } from "./onnx/target.js";

const folder = new URL("found/", import.meta.url);
const JUDGES = { safetensors: judgeFile, onnx: judgeOnnx };

for (const name of readdirSync(folder)) {
  const judge = JUDGES[name.split(".").at(-1)];
  if (judge) test(name, () => judge(new Uint8Array(readFileSync(new URL(name, folder)))));
}

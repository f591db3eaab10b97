// types.test.js: the declarations as strict consumers compile them: exactOptionalPropertyTypes, and Node without the DOM.
import assert from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { install } from "./install.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const DOORS = Object.entries(exports).flatMap(([name, { types }]) => (types ? [`shiftwise${name.slice(1)}`] : []));

let installed;

before(() => {
  installed = install();
  symlinkSync(join(root, "node_modules/@types"), join(installed.folder, "node_modules/@types"), "dir");
  symlinkSync(join(root, "node_modules/undici-types"), join(installed.folder, "node_modules/undici-types"), "dir");
});
after(() => installed.remove());

/** What TypeScript says of a consumer with these settings. */
function errorsOf(text, settings) {
  const path = join(installed.folder, "consumer.ts");
  writeFileSync(path, text);
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    ...settings,
  };
  const program = ts.createProgram([path], options);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText, start }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.split("node_modules/").at(-1)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

const all = DOORS.map((door, i) => `import * as door${i} from "${door}";\nexport const used${i} = door${i};`).join(
  "\n",
);

const APP = `
import { Model, type LoadOptions, type Runner, topK } from "shiftwise";
import { WorkerModel } from "shiftwise/worker";

interface Settings { signal?: AbortSignal; threads?: number; executor?: "wasm" | "plain"; heard?: (share: number) => void }

export async function open(source: string | URL, settings: Settings): Promise<Runner> {
  const { signal, threads, executor, heard } = settings;
  const options: LoadOptions = {
    signal, threads, executor, memoryLimit: undefined, module: undefined, cache: undefined,
    onProgress: heard && (({ loaded, total }) => heard(total ? loaded / total : 0)),
  };
  const model: Runner = threads === 1 ? await WorkerModel.load(source, options) : await Model.load(source, options);
  await model.warmUp(undefined);
  return model;
}

export async function classify(model: Runner, pixels: Uint8Array): Promise<string | undefined> {
  const outputs = await model.run(pixels);
  const scores = outputs["logits"];
  if (!scores) return undefined;
  const dims: readonly number[] = scores.dims;
  return dims.length === 2 ? topK(scores, 1, model.labels)[0]?.label : undefined;
}
`;
const NODE = `
import { readPicture } from "shiftwise/node";
export const pixels = (resize?: number) => readPicture(Buffer.alloc(9), { shape: [3, 4, 4] }, { resize, channels: undefined });
`;
const PAGE = `
import { Model } from "shiftwise";
export const shown = async (model: Model, video: HTMLVideoElement, file: File, frame: VideoFrame) => {
  model.runSync(video);
  model.runSync(frame);
  model.runSync(document.createElement("canvas"));
  return [await model.run(file), await model.run(new URL("cat.jpg", location.href)), await model.run(await createImageBitmap(file))];
};
`;
const STRICTEST = {
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
};

test("options take undefined where exactOptionalPropertyTypes is set, in every door", () => {
  const settings = { lib: ["lib.es2023.d.ts", "lib.dom.d.ts"], types: ["node"], ...STRICTEST };
  assert.deepEqual(errorsOf(APP + NODE + PAGE.replace(/import.*/, "") + all, settings), []);
});

test("Node without the DOM's library compiles, the declarations checked", () => {
  const settings = { lib: ["lib.es2023.d.ts"], types: ["node"], ...STRICTEST };
  assert.deepEqual(errorsOf(APP + NODE + all, settings), []);
});

test("a page without Node's types compiles, the declarations checked", () => {
  const settings = { lib: ["lib.es2023.d.ts", "lib.dom.d.ts"], types: [] };
  assert.deepEqual(
    errorsOf(
      PAGE + APP.replace(/import \{ Model.*/, 'import { type LoadOptions, type Runner, topK } from "shiftwise";'),
      settings,
    ),
    [],
  );
  const bundled =
    'import { Model, WorkerModel, topK } from "shiftwise/shiftwise.min.js";\nexport const all = [Model, WorkerModel, topK];';
  assert.deepEqual(errorsOf(bundled, settings), []);
});

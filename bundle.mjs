// bundle.mjs: the build's last step, behind tsc: one file for pages without a bundler, and declarations for strict consumers.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import ts from "typescript";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");

/** Programs of Workers: in a page they are the file itself under a name, in Node the package's own files. */
const PROGRAMS = {
  "runtime/worker-model/host.js": "shiftwise host",
  "runtime/threads/worker.js": "shiftwise worker",
};
/** The files that start them. */
const STARTERS = /(worker-model[\\/]line|threads[\\/]helpers)\.js$/;

const ENTRY = `
export * from "./runtime/index.js";
export { WorkerModel } from "./runtime/worker-model/remote.js";
const name = typeof WorkerGlobalScope === "function" && self instanceof WorkerGlobalScope ? self.name : "";
${Object.entries(PROGRAMS)
  .map(([file, name]) => `if (name === "${name}") await import("./${file}");`)
  .join("\n")}
`;

const starters = {
  name: "starters",
  setup({ onLoad }) {
    onLoad({ filter: STARTERS }, ({ path }) => {
      let contents = readFileSync(path, "utf8");
      for (const [file, name] of Object.entries(PROGRAMS)) {
        const short = `./${file.split("/").at(-1)}`;
        contents = contents
          .replace(
            `new URL("${short}", import.meta.url), { type: "module" }`,
            `import.meta.url, { type: "module", name: "${name}" }`,
          )
          .replace(`"${short}"`, `"./${file}"`)
          .replace(
            /expected: "[^"]* where the bundler has put it"/,
            'expected: "shiftwise.min.js on the origin of the page, which starts Workers from no other"',
          );
      }
      if (!contents.includes("name: ") || /bundler has put it/.test(contents))
        throw new Error(`${path} starts no Worker as it did`);
      return { contents, loader: "js" };
    });
  },
};

await build({
  stdin: { contents: ENTRY, resolveDir: dist, sourcefile: "shiftwise.js" },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  plugins: [starters],
  banner: { js: "/*! shiftwise, MIT licence */" },
  outfile: join(dist, "shiftwise.min.js"),
  logLevel: "error",
});
writeFileSync(
  join(dist, "shiftwise.min.d.ts"),
  'export * from "./runtime/index.js";\nexport { WorkerModel } from "./runtime/worker-model/remote.js";\n',
);

for (const name of readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".d.ts"))) {
  const path = join(dist, name);
  const text = readFileSync(path, "utf8");
  const wider = selfContained(widened(text));
  if (wider !== text) writeFileSync(path, wider);
}

/**
 * Declarations in which fields that may be missing may be undefined, too. The code is compiled so; a consumer with
 * exactOptionalPropertyTypes would else be refused where it passes an option on that it was not given.
 */
function widened(text) {
  const source = ts.createSourceFile("a.d.ts", text, ts.ScriptTarget.Latest, true);
  const edits = [];
  const visit = (node) => {
    const isField = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || ts.isMappedTypeNode(node);
    if (isField && node.questionToken && node.type && !takesUndefined(node.type)) {
      const isOpen =
        ts.isFunctionTypeNode(node.type) || ts.isConstructorTypeNode(node.type) || ts.isConditionalTypeNode(node.type);
      if (isOpen) edits.push([node.type.getStart(), "("]);
      edits.push([node.type.getEnd(), isOpen ? ") | undefined" : " | undefined"]);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  edits.sort(([a], [b]) => b - a);
  let result = text;
  for (const [at, added] of edits) result = result.slice(0, at) + added + result.slice(at);
  return result;
}

function takesUndefined(type) {
  const kinds = [ts.SyntaxKind.UndefinedKeyword, ts.SyntaxKind.AnyKeyword, ts.SyntaxKind.UnknownKeyword];
  return kinds.includes(type.kind) || (ts.isUnionTypeNode(type) && type.types.some(takesUndefined));
}

/**
 * Declarations that need neither the DOM's library nor a new one of the language: a class of browsers is what the consumer's
 * library says it is, or never.
 */
function selfContained(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  const classes = [
    "ImageBitmap",
    "VideoFrame",
    "OffscreenCanvas",
    "HTMLCanvasElement",
    "HTMLImageElement",
    "HTMLVideoElement",
  ];
  const used = classes.filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  const own = used.map(
    (name) => `type ${name} = typeof globalThis extends { ${name}: { prototype: infer T } } ? T : never;\n`,
  );
  const result = text.replace(/\bWebAssembly\.(Module|Memory|Instance)\b(?![^\n]*\*\/)/g, "WebAssembly$1");
  for (const kind of ["Module", "Memory", "Instance"]) {
    if (!result.includes(`WebAssembly${kind}`)) continue;
    const found = `{ WebAssembly: { ${kind}: { prototype: infer T } } }`;
    own.push(`type WebAssembly${kind} = typeof globalThis extends ${found} ? T : never;\n`);
  }
  const disposes = code.includes("[Symbol.dispose]") ? '/// <reference lib="esnext.disposable" />\n' : "";
  // without it every declaration of such a file is exported
  return disposes + result + (own.length > 0 ? `${own.join("")}export {};\n` : "");
}

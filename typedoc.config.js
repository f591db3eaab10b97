// typedoc.config.js: `npm run docs`: pages in api/ for every door of the package, each under the name that it is imported by.
import { readFileSync } from "node:fs";
import { Converter, ReflectionKind } from "typedoc";

const { exports } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));
const doors = Object.entries(exports)
  .filter(([, { types }]) => types)
  .map(([name, { types }]) => ({
    name: name.replace(/^\./, "shiftwise"),
    file: types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"),
  }));

function namedAsImported({ converter }) {
  converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    const path = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile().fileName;
    const door = doors.find(({ file }) => path?.endsWith(`/${file}`));
    if (door) reflection.name = door.name;
  });
}

export default {
  name: "shiftwise",
  entryPoints: doors.map(({ file }) => file),
  out: "api",
  readme: "none",
  plugin: [namedAsImported],
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  githubPages: false,
  sort: ["source-order"],
  requiredToBeDocumented: ["Variable", "Function", "Class", "Interface", "TypeAlias", "Method"],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // tables whose keys are the types that are public
  intentionallyNotExported: ["SIZES", "FUNCTIONS", "BINARY_FUNCTIONS", "TYPES"],
  treatValidationWarningsAsErrors: true,
};

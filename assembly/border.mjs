// border.mjs: what a compiled module exports, as TypeScript: its kernels with their signatures, and the layout of the
// records (unmanaged classes) that kernels are given the address of.
//
// `usize` is an address on the host's side and never a number of bytes: those are i32 or u32.

/** What the host calls a type, and its kind in src/base/struct.ts. */
const TYPES = {
  usize: ["Address", 1],
  bool: ["0 | 1", 0],
  u8: ["number", 0],
  i32: ["number", 1],
  u32: ["number", 1],
  f32: ["number", 2],
  f64: ["number", 3],
  void: ["void"],
};
/** Bytes of each kind. */
const SIZES = [1, 4, 4, 8];

/** A transform that hands the border of the module with these entry files, once it is compiled, to `done` as text. */
export function border(entries, done) {
  return class {
    afterCompile() {
      const records = new Map();
      const typeOf = (type) => {
        const record = type.classReference;
        if (!record) return TYPES[type.toString()] ?? fail(`the border knows no ${type}`);
        if (!records.has(record.name)) {
          records.set(record.name, null);
          records.set(record.name, layoutOf(record));
        }
        return [`Pointer<${record.name}>`, 1];
      };
      const layoutOf = ({ name, members, nextMemoryOffset }) => {
        const fields = [...members].map(([field, { instance }]) => ({
          field,
          offset: instance.memoryOffset,
          type: typeOf(instance.type),
        }));
        const types = fields.map(({ field, type }) => `  readonly ${field}: ${type[0]};\n`);
        let end = 0;
        const places = fields.map(({ field, type: [, kind], offset }) => {
          if (offset !== Math.ceil(end / SIZES[kind]) * SIZES[kind]) fail(`${name}.${field} lies at ${offset}`);
          end = offset + SIZES[kind];
          return `  ${field}: ${kind},\n`;
        });
        const bytes = `export const ${name}: Layout<${name}> = [${nextMemoryOffset}, {\n${places.join("")}}];\n`;
        return `export interface ${name} {\n${types.join("")}}\n${bytes}`;
      };
      const exported = entries.flatMap((entry) => [
        ...this.program.filesByName.get(entry.replace(/\.ts$/, "")).exports,
      ]);
      const kernels = exported.flatMap(([name, prototype]) => {
        if (!prototype.getResolvedInstance)
          fail(`${name} is no kernel and no record: it belongs into the folder shared`);
        const kernel = prototype.getResolvedInstance("");
        // a record has no signature
        if (!kernel?.signature) return [];
        const { parameterTypes, returnType } = kernel.signature;
        const parameters = parameterTypes.map((type, i) => `${kernel.getParameterName(i)}: ${typeOf(type)[0]}`);
        return `  ${name}(${parameters.join(", ")}): ${typeOf(returnType)[0]};\n`;
      });
      done(`export interface Kernels {\n${kernels.join("")}}\n\n${[...records.values()].join("\n")}`);
    }
  };
}

function fail(message) {
  throw new Error(message);
}

// border.mjs: what a compiled module exports, as TypeScript: its kernels with their signatures.
//
// `usize` is an address on the host's side and never a number of bytes: those are i32 or u32.

const TYPES = {
  usize: "Address",
  bool: "0 | 1",
  void: "void",
  i32: "number",
  u32: "number",
  f32: "number",
  f64: "number",
};

function typeOf(type, where) {
  const name = TYPES[type.toString()];
  if (!name) throw new Error(`${where}: no TypeScript type for ${type}`);
  return name;
}

/** A transform that hands the border of the module with this entry file, once it is compiled, to `done`. */
export function border(entry, done) {
  return class {
    afterCompile() {
      const { exports } = this.program.filesByName.get(entry.replace(/\.ts$/, ""));
      const kernels = [...exports].map(([name, prototype]) => {
        const kernel = prototype.getResolvedInstance("");
        const { parameterTypes, returnType } = kernel.signature;
        const parameters = parameterTypes.map((type, i) => `${kernel.getParameterName(i)}: ${typeOf(type, name)}`);
        return `  ${name}(${parameters.join(", ")}): ${typeOf(returnType, name)};\n`;
      });
      done(`export interface Kernels {\n${kernels.join("")}}\n`);
    }
  };
}

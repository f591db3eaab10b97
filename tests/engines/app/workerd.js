// workerd.js: the measurement in workerd, where a request starts it. It compiles no wasm while it runs, so the module is an
// import that is compiled with the program; models come as bindings, since there are no files.
import { goldenHash, Model } from "shiftwise";
import module from "shiftwise/wasm/runtime.wasm";
import { measure } from "./measure.js";

export default {
  async fetch(_request, { models, ...files }) {
    const source = (name) => new Uint8Array(files[name]);
    return Response.json(await measure({ Model, goldenHash }, models, source, { wasm: { module } }));
  },
};

// workerd.js: the measurement in workerd, where a request starts it. Models come as bindings: there are no files.
import { goldenHash, Model } from "shiftwise";
import { measure } from "./measure.js";

export default {
  async fetch(_request, { models, ...files }) {
    return Response.json(await measure({ Model, goldenHash }, models, (name) => new Uint8Array(files[name])));
  },
};

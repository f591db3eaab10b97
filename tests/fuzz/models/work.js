// work.js: what running a model costs, before it is run.
import { elements } from "../project.js";

/** About how many operations the plain executor would do. */
export function workOf({ tensors, layers }) {
  let work = Object.values(tensors).reduce((sum, { shape }) => sum + elements(shape), 0);
  for (const layer of layers) {
    const out = elements(tensors[layer.output].shape);
    const { kernel, rows, columns, weights } = layer;
    if (weights)
      work +=
        (elements(weights.codes ? [weights.codes.length] : [weights.values.length]) / tensors[layer.output].shape[0]) *
        out;
    else if (kernel) work += elements(kernel) * out;
    else if (layer.op === "resample")
      work += rows.indices.length * columns.indices.length * tensors[layer.output].shape[0];
  }
  return work;
}

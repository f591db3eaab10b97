// export.ts: shiftwise export: a model file as standard ONNX, which other runtimes run and Netron shows.
import type { Command } from "commander";
import { writeAtomically } from "../base/system.js";
import { exportOnnx } from "../onnx/index.js";
import { bytes, counted } from "../report/index.js";
import { choice } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { readModelFile } from "./files.js";
import { checkOutputs } from "./outputs.js";

const FORMS = ["float32", "qdq"] as const;

interface ExportArguments {
  readonly json?: boolean;
  readonly onnx: string;
  readonly form: (typeof FORMS)[number];
}

export function exportCommand(): Command {
  return newCommand("export", "write a model as standard ONNX")
    .argument("<model>", "model file that quantize wrote, or a network file")
    .requiredOption("--onnx <file>", "ONNX file to write")
    .option(
      "--form <form>",
      "float32, which keeps powers of two as float weights; or qdq, 8-bit integers between QuantizeLinear and DequantizeLinear",
      choice("--form", FORMS),
      "float32",
    )
    .action((path: string, options: ExportArguments) => withContext(options, (context) => run(path, options, context)));
}

async function run(path: string, { onnx: out, form }: ExportArguments, { screen }: Context): Promise<void> {
  await checkOutputs([out], {}, [path]);
  const { def } = await readModelFile(path);
  const file = exportOnnx(def, { form });
  await writeAtomically(out, file);
  const weights = def.layers.reduce((sum, layer) => {
    if (!("weights" in layer)) return sum;
    return sum + (layer.weights.kind === "float32" ? layer.weights.values : layer.weights.codes).length;
  }, 0);
  const summary = { form, layers: def.layers.length, weights, bytes: file.length, out };
  screen.result(
    summary,
    `${out}: ${bytes(file.length)}, ${counted(def.layers.length, "layer")} with ${counted(weights, "weight")}, ${form}`,
  );
}

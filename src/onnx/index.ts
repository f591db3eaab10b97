// index.ts: the door of the ONNX room: networks in, models out, and the evaluator that judges both.

export type { Attribute, Attributes, Branch } from "./attributes.js";
export type { Budget } from "./budget.js";
export { CATALOG, type CatalogEntry } from "./catalog.js";
export { evaluateModel } from "./evaluate.js";
export type { ExportForm } from "./export/form.js";
export { type ExportOptions, exportOnnx, importExported } from "./export.js";
export { importOnnxFile } from "./file.js";
export type { ImportOptions } from "./given.js";
export { importModel, importOnnx } from "./import.js";
export type { InputNormalization, InputShape } from "./input.js";
export { type OnnxInput, type OnnxModel, type OnnxNode, readModel } from "./model.js";
export type { RemarkLevel } from "./surroundings.js";
export type { ElementType, ExternalData, Value } from "./tensor.js";

// for the other rooms

export { foreignKind } from "./foreign.js";

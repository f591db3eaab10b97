// exported.ts: the model that an exported file was made of, which the file carries along, so that nothing is lost on the way back.

import { given, is } from "../base/index.js";
import { decodeModel, encodeModel, type ModelDef } from "../model/index.js";
import type { ExportForm } from "./export/form.js";
import { decodeMessage } from "./wire.js";

/** Keys of the metadata: the model file in base64, and the form of the export. */
const MODEL = "shiftwise.model";
const FORM = "shiftwise.form";

/** Bytes that become text at a time. */
const CHUNK = 0x6000;

/** The metadata by which an export is found to be one. */
export function exportMetadata(def: ModelDef, form: ExportForm): readonly (readonly [key: string, value: string])[] {
  const bytes = encodeModel(def);
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += CHUNK) parts.push(btoa(String.fromCharCode(...bytes.subarray(i, i + CHUNK))));
  return [
    [FORM, form],
    [MODEL, parts.join("")],
  ];
}

/**
 * The model that an export carries along; null for other bytes, and where writing the model gives other bytes than these.
 * @param write exports a model in a form again
 */
export function exportedIn(bytes: Uint8Array, write: (def: ModelDef, form: ExportForm) => Uint8Array): ModelDef | null {
  given({ bytes }, { bytes: is.bytes });
  try {
    const { metadataProps } = decodeMessage("ModelProto", bytes, "model");
    const texts = new Map(metadataProps.map(({ key = "", value = "" }) => [key, value]));
    const [text, form] = [texts.get(MODEL), texts.get(FORM)];
    if (text === undefined || (form !== "float32" && form !== "qdq")) return null;
    const def = decodeModel(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    const again = write(def, form);
    return again.length === bytes.length && again.every((byte, i) => byte === bytes[i]) ? def : null;
  } catch {
    // whatever is wrong with it, importOnnx has the words
    return null;
  }
}

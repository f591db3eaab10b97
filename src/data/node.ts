// node.ts: the door of the data room for programs in Node that run models: pictures from disk or memory as an input's pixels.
export { type PictureOptions, type PictureSource, type RawPicture, readPicture } from "./node-picture.js";
export type { PictureInput } from "./preprocessing.js";

// given.ts: the kind of value that every function that takes a network takes.
import { is, type Kind } from "../base/index.js";
import { ENCODING, type InputPortShape } from "../ops/index.js";
import type { Network } from "./network.js";
import { checkNetwork } from "./validate.js";

const PORT = is.record<InputPortShape>({
  dims: is.optional(is.list(is.number)),
  channelsLast: is.optional(is.boolean),
});
const FIELDS: Kind = is.record<Network>({
  name: is.text,
  nodes: is.list(is.record({ op: is.text, name: is.text })),
  outputs: is.list(is.text),
  labels: is.optional(is.list(is.text)),
  ports: is.optional(is.dictionary(PORT)),
  encodings: is.optional(is.dictionary(ENCODING)),
});

/**
 * Checks that a value is a network whose nodes fit together; that its parameters are finite is for validateNetwork to check.
 * @internal
 */
export const NETWORK: Kind = (value, where) => {
  FIELDS(value, where);
  checkNetwork(value as Network);
};

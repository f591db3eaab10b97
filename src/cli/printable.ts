// printable.ts: text as a terminal may show it: names, labels and notes come out of files, and files must not steer it.

/** Control characters, and those that turn the direction of writing round. */
const STEERING = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/** An object as one line of JSON. */
export function jsonLine(object: object): string {
  const code = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(object).replace(STEERING, code);
}

/** The text with what steers a terminal written as its code; ends of lines and tabs stay. */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

/** The same of a text that is to stand on one line. */
export function oneLine(text: string): string {
  return text.replace(STEERING, escaped);
}

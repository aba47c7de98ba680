/** The program's text as a script of V8's, from a code cache where that is sound. */
import { readFileSync } from "node:fs";
import { Script } from "node:vm";

const ID = /\/\/# build ([0-9a-f]{64})\n$/;

/** The build that a program's text says it is of; null when it says nothing. The cache begins with the same. */
export function buildOf(text: string): string | null {
  return ID.exec(text.slice(-80))?.[1] ?? null;
}

/**
 * Compiles the CommonJS program in `file`, which holds nothing but ASCII. A cache that is missing, of another build, or
 * refused by V8 (another Node, other flags) costs time and nothing else.
 */
export function compile(file: string, cache: Buffer | null): Script {
  const text = readFileSync(file, "latin1");
  const id = buildOf(text);
  // Guard: V8 compares no more than the length of the text, and old code with a new text would be another program.
  const fits = id !== null && cache?.subarray(0, id.length).toString("latin1") === id;
  return new Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
    filename: file,
    ...(fits && { cachedData: cache.subarray(id.length) }),
  });
}

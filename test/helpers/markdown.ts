import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** The blocks of a document that a shell is meant to run, in order. */
export const shellBlocks = (file: string): string[] =>
  readFileSync(file, "utf8").match(/(?<=^```sh\n)[\s\S]*?(?=^```$)/gm) ?? [];

/** The one block that contains a text. */
export function blockWith(blocks: readonly string[], text: string): string {
  const [block, ...more] = blocks.filter((one) => one.includes(text));
  assert.ok(block !== undefined && more.length === 0, `${more.length} more blocks than one with: ${text}`);
  return block;
}

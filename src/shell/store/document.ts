/** The small JSON files that this program keeps for itself: each is checked against its schema when it is read. */

import type { Stats } from "node:fs";
import type * as v from "valibot";
import { parseJson } from "../../core/text/parse-json.ts";
import { readSmallFile, replaceFile } from "./safe-files.ts";

/** Reads a document as `readSmallFile` does; null if there is none. @throws what is wrong with the file */
export function readDocument<S extends v.GenericSchema>(
  file: string,
  schema: S,
  most: number,
  check?: (status: Stats) => void,
): v.InferOutput<S> | null {
  let text: string;
  try {
    text = readSmallFile(file, most, check);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const parsed = parseJson(schema, text);
  if ("error" in parsed) throw new Error(parsed.error);
  return parsed.value;
}

/** Replaces a document, which only its owner may read. @throws */
export function writeDocument(file: string, document: unknown): void {
  replaceFile(file, `${JSON.stringify(document)}\n`, 0o600);
}

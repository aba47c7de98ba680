/** A saved observation: written by `snapshot`, checked when it is read back, for it may come from anywhere. */

import type { Observation } from "../../../core/observation/observation.ts";
import { observation } from "../../../core/observation/schema.ts";
import { parseJson } from "../../../core/text/parse-json.ts";

/** Reads the observation in a saved file, or says what is wrong with it, naming the field. */
export function parseSaved(text: string): { observation: Observation } | { error: string } {
  const parsed = parseJson(observation, text);
  if ("value" in parsed) return { observation: parsed.value };
  return { error: parsed.reason === "newer" ? parsed.error : `is not a saved observation: ${parsed.error}` };
}

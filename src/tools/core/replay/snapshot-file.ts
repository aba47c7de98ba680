/** A saved observation: written by `snapshot`, checked when it is read back, for it may come from anywhere. */

import type { Observation } from "../../../core/observation/observation.ts";
import { observation } from "../../../core/observation/schema.ts";
import { type Parsed, parseJson } from "../../../core/text/parse-json.ts";

/** Reads the observation in a saved file, or says what is wrong with it, naming the field. */
export const parseSaved = (text: string): Parsed<Observation> => parseJson(observation, text);

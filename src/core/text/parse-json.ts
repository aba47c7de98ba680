/** Reads JSON that may come from anywhere: parses the text, then checks it against a schema. */

import * as v from "valibot";

/** A whole number of at least 0 that a double holds exactly. */
export const wholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The type of what a schema accepts, as data that nothing changes. */
export type DataOf<S extends v.GenericSchema> = Frozen<v.InferOutput<S>>;

/** Milliseconds since the epoch, up to the year 9999: a Date cannot hold all that a number can. */
export const epochTime = v.pipe(wholeNumber, v.maxValue(253_402_300_799_999));

/** A uid or an audit id; the highest number means "none". */
export const idNumber = v.pipe(wholeNumber, v.maxValue(4_294_967_294));

/** A process id (proc_pid_stat(5): at most 2^22). */
export const pidNumber = v.pipe(wholeNumber, v.minValue(1), v.maxValue(4_194_304));

/** A value that the schema accepts, or one line that says what is wrong and, where there is one, in which field. */
export type Parsed<T> =
  | { readonly value: T }
  | { readonly error: string; readonly reason: "damaged" | "newer" };

/** The `schemaVersion` of every document that this program writes. It reads no other. */
export const SCHEMA_VERSION = 1;

/** Says that a newer version of this program wrote a document; null if none did. */
function whyNewer(value: unknown): string | null {
  const version = (value as { readonly schemaVersion?: unknown } | null | undefined)?.schemaVersion;
  if (typeof version !== "number" || !(version > SCHEMA_VERSION)) return null;
  return `its schemaVersion is ${version}; this version of vscode-grim-reaper reads up to ${SCHEMA_VERSION}: upgrade it here`;
}

/** Parses a text and checks it against a schema. Never throws. */
export function parseJson<T extends v.GenericSchema>(schema: T, text: string): Parsed<v.InferOutput<T>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: (error as Error).message, reason: "damaged" };
  }
  // First: a newer document may have the same fields and mean something else.
  const newer = whyNewer(value);
  if (newer !== null) return { error: newer, reason: "newer" };
  const checked = v.safeParse(schema, value);
  if (checked.success) return { value: checked.output };
  const issue = checked.issues[0];
  return { error: `${v.getDotPath(issue) ?? "the document"}: ${issue.message}`, reason: "damaged" };
}

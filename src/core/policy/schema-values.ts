/** Defines the kinds of values in the configuration, and the message for a wrong one. */

import * as v from "valibot";
import { DURATION_HELP, parseDuration } from "../text/duration.ts";

export const table = <E extends v.ObjectEntries>(entries: E) => v.strictObject(entries, "must be a table");
export const listOf = <S extends v.GenericSchema>(item: S) => v.array(item, "must be a list of tables");
export const duration = v.pipe(
  v.string(`must be ${DURATION_HELP}`),
  v.check((value) => parseDuration(value) !== null, `must be ${DURATION_HELP}`),
  v.transform((value) => parseDuration(value) ?? 0),
);
/** A duration, or null for "off". */
export const durationOrOff = v.union(
  [
    v.pipe(
      v.literal("off"),
      v.transform(() => null),
    ),
    duration,
  ],
  `must be ${DURATION_HELP}, or "off"`,
);
export const anyText = v.string("must be text in quotes");
export const text = v.pipe(anyText, v.minLength(1, "must not be empty"));
export const texts = v.array(text, "must be a list of texts in quotes");
export const path = v.pipe(anyText, v.regex(/^(?:$|\/)/, 'must be an absolute path, or "" for none'));
/** "both", "journal" or the path of a file. */
export const logTarget = v.pipe(
  anyText,
  v.regex(/^(?:both$|journal$|\/)/, 'must be "both", "journal" or an absolute path'),
);
export const wholeNumber = (lowest: number) => {
  const message = `must be a whole number of at least ${lowest}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(lowest, message));
};
export const bool = v.boolean("must be true or false");
export const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.map((option) => `"${option}"`).join(", ")}`);
export const exemptOrReap = oneOf(["exempt", "reap"]);
/** A user name or a uid; 1001 and "1001" both mean the uid. */
export const account = v.union(
  [wholeNumber(0), text],
  'must be a name in quotes or a number, such as "alice" or 1001',
);
export const accounts = v.array(account, "must be a list of names or numbers");
export const day = v.pipe(
  v.union([v.string(), v.date()], 'must be a date such as "2027-01-31"'),
  v.transform((value) => (typeof value === "string" ? value : value.toISOString().slice(0, 10))),
  v.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as "2027-01-31"'),
);

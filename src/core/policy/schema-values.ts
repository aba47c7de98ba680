/** Defines the kinds of values in the configuration, and the message for a wrong one. */

import * as v from "valibot";
import { DURATION_HELP, parseDuration } from "../text/duration.ts";

/** What the reference says about a key. */
export interface KeyNote {
  /** The type for people: "duration", "true or false". */
  readonly type: string;
  readonly meaning: string;
  /** The default in words, if the value itself says too little. */
  readonly default?: string;
}

/** A key that may be left out, with its default and what the reference says of it. */
export function key<S extends v.GenericSchema, const D extends v.Default<S, undefined>>(
  schema: S,
  byDefault: D,
  type: string,
  meaning: string,
  inWords?: string,
): v.OptionalSchema<S, D> {
  const note: KeyNote = { type, meaning, ...(inWords !== undefined && { default: inWords }) };
  return v.optional(v.pipe(schema, v.metadata({ ...note })) as unknown as S, byDefault);
}

export const duration = v.pipe(
  v.string(`must be ${DURATION_HELP}`),
  v.check((text) => parseDuration(text) !== null, `must be ${DURATION_HELP}`),
  v.transform((text) => parseDuration(text) ?? 0),
);
/** A duration, or null for "off". */
export const durationOrOff = v.pipe(
  v.string(`must be ${DURATION_HELP}, or "off"`),
  v.check((text) => text === "off" || parseDuration(text) !== null, `must be ${DURATION_HELP}, or "off"`),
  v.transform((text) => (text === "off" ? null : (parseDuration(text) ?? 0))),
);
export const text = v.pipe(v.string("must be text in quotes"), v.minLength(1, "must not be empty"));
export const anyText = v.string("must be text in quotes");
export const path = v.pipe(
  anyText,
  v.check((value) => value === "" || value.startsWith("/"), 'must be an absolute path, or "" for none'),
);
export const wholeNumber = (lowest: number) =>
  v.pipe(
    v.number(`must be a whole number of at least ${lowest}`),
    v.integer(`must be a whole number of at least ${lowest}`),
    v.minValue(lowest, `must be a whole number of at least ${lowest}`),
  );
export const bool = v.boolean("must be true or false");
export const texts = v.array(text, "must be a list of texts in quotes");
export const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.map((option) => `"${option}"`).join(", ")}`);
/** A user name or a uid; 1001 and "1001" both mean the uid. */
export const account = v.union(
  [wholeNumber(0), text],
  'must be a name in quotes or a number, such as "alice" or 1001',
);
export const accounts = v.array(account, "must be a list of names or numbers");
/** "both", "journal" or the path of a file. */
export const logTarget = v.pipe(
  anyText,
  v.check(
    (value) => value === "both" || value === "journal" || value.startsWith("/"),
    'must be "both", "journal" or an absolute path',
  ),
);
export const day = v.pipe(
  v.union([v.string(), v.date()], 'must be a date such as "2027-01-31"'),
  v.transform((value) => (typeof value === "string" ? value : value.toISOString().slice(0, 10))),
  v.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as "2027-01-31"'),
);
export const exemptOrReap = oneOf(["exempt", "reap"]);
export const EXEMPT_OR_REAP = '"exempt" or "reap"';

/** Text that becomes a line of its own. */
export const oneLine = v.pipe(
  anyText,
  v.check((value) => !/\p{C}/u.test(value), "must be one line without control characters"),
);

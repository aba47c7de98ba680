/** Finds which keys may stand where in the configuration. */

import type * as v from "valibot";
import { schema } from "./schema.ts";

export type AnySchema = v.GenericSchema;
type Table = v.StrictObjectSchema<v.ObjectEntries, v.ErrorMessage<v.StrictObjectIssue> | undefined>;
type List = v.ArraySchema<AnySchema, v.ErrorMessage<v.ArrayIssue> | undefined>;
type Optional = v.OptionalSchema<AnySchema, unknown>;

const isTable = (schema: AnySchema): schema is Table => schema.type === "strict_object";
const isList = (schema: AnySchema): schema is List => schema.type === "array";
export const isOptional = (schema: AnySchema): schema is Optional => schema.type === "optional";

/** The schema of a value that is there. */
export const required = (schema: AnySchema): AnySchema =>
  isOptional(schema) ? required(schema.wrapped) : schema;

/** Returns the entries of a table or of the tables in a list; none for any other value. */
export function entriesOf(schema: AnySchema): readonly (readonly [string, AnySchema])[] {
  const value = required(schema);
  if (isList(value)) return entriesOf(value.item);
  return isTable(value) ? Object.entries(value.entries as Readonly<Record<string, AnySchema>>) : [];
}

/** Lists the keys that may stand at a place in the file: `["exempt", "0", "usr"]` gives those of an exemption. */
export function keysAt(place: readonly string[]): string[] {
  let at: AnySchema | undefined = schema;
  for (const step of place.slice(0, -1))
    if (at !== undefined && !/^\d+$/.test(step)) at = new Map(entriesOf(at)).get(step);
  return at === undefined ? [] : entriesOf(at).map(([name]) => name);
}

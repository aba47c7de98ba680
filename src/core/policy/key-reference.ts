/** Describes the configuration: which keys may stand where, and what each means. */

import * as v from "valibot";
import { schema } from "./schema.ts";
import type { KeyNote } from "./schema-values.ts";

type AnySchema = v.GenericSchema;
type Table = v.StrictObjectSchema<v.ObjectEntries, v.ErrorMessage<v.StrictObjectIssue> | undefined>;
type List = v.ArraySchema<AnySchema, v.ErrorMessage<v.ArrayIssue> | undefined>;
type Optional = v.OptionalSchema<AnySchema, unknown>;

const isTable = (schema: AnySchema): schema is Table => schema.type === "strict_object";
const isList = (schema: AnySchema): schema is List => schema.type === "array";
const isOptional = (schema: AnySchema): schema is Optional => schema.type === "optional";

const required = (schema: AnySchema): AnySchema => (isOptional(schema) ? required(schema.wrapped) : schema);

/** Returns the entries of a table or of the tables in a list; none for any other value. */
function entriesOf(schema: AnySchema): readonly (readonly [string, AnySchema])[] {
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

/** One key for the reference in the manuals. */
export interface Key extends KeyNote {
  /** "grace", "exempt.until". */
  readonly name: string;
}

function inWords(value: unknown): string {
  const json = JSON.stringify(value);
  return json === undefined || json === "{}" ? "none" : `\`${json}\``;
}

/** Lists all keys with what the reference says of them; the keys of a table follow the table. */
export function reference(): Key[] {
  const keysOf = (table: AnySchema, prefix: string): Key[] =>
    entriesOf(table).flatMap(([name, entry]) => {
      const note: Partial<KeyNote> = v.getMetadata(required(entry));
      const { type, meaning } = note;
      if (type === undefined || meaning === undefined) return [];
      const byDefault = isOptional(entry) ? entry.default : undefined;
      const key: Key = { name: prefix + name, type, meaning, default: note.default ?? inWords(byDefault) };
      return [key, ...keysOf(entry, `${prefix}${name}.`)];
    });
  return keysOf(schema, "");
}

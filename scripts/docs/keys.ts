/** What the reference in the manuals says of each key of the configuration. */

import * as v from "valibot";
import { type AnySchema, entriesOf, isOptional, required } from "../../src/core/policy/keys-at.ts";
import { schema } from "../../src/core/policy/schema.ts";
import type { KeyNote } from "../../src/core/policy/schema-values.ts";

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

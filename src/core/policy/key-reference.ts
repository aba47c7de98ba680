/** The configuration as its reference tells it: which keys may stand where, and what each means. */

import * as v from "valibot";
import { schema } from "./schema.ts";
import type { KeyNote } from "./schema-values.ts";

/** The keys that may stand at a place in the file: `["exempt", "0", "usr"]` gives those of an exemption. */
export function keysAt(place: readonly string[]): string[] {
  let at: unknown = schema;
  for (const step of place.slice(0, -1)) {
    const bare = bareOf(at);
    at = /^\d+$/.test(step) ? bare.item : bare.entries?.[step];
  }
  return Object.keys(bareOf(at).entries ?? {});
}

interface Bare {
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
  readonly wrapped?: unknown;
}

function bareOf(at: unknown): Bare {
  const bare = (at ?? {}) as Bare;
  return bare.wrapped === undefined ? bare : bareOf(bare.wrapped);
}

/** One key for the reference in README and manual. */
export interface Key extends KeyNote {
  /** "grace", "exempt.until". */
  readonly name: string;
}

function inWords(value: unknown): string {
  const json = JSON.stringify(value);
  return json === undefined || json === "{}" ? "none" : `\`${json}\``;
}

/** All keys with what is to be said of them, sections after their keys' parents. */
export function reference(): Key[] {
  const keysOf = (at: unknown, prefix: string): Key[] => {
    const bare = bareOf(at);
    return Object.entries(bare.entries ?? {}).flatMap(([name, entry]) => {
      const inner = bareOf(entry);
      const said = v.getMetadata(inner as Parameters<typeof v.getMetadata>[0]) as unknown as KeyNote;
      if (said.type === undefined) return [];
      const value = (entry as { readonly default?: unknown }).default;
      const own: Key = {
        name: prefix + name,
        ...said,
        default: said.default ?? inWords(value),
      };
      return [own, ...keysOf(inner.item ?? inner, `${prefix}${name}.`)];
    });
  };
  return keysOf(schema, "");
}

/** Finds which keys may stand where in the configuration. */

import { schema } from "./schema.ts";

/** What the schema of a table, a list or a value that may be left out has. */
export interface Shape {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly item?: Shape;
  readonly wrapped?: Shape;
  readonly default?: unknown;
}

/** Returns the entries of a table or of the tables in a list; none for any other value. */
export function entriesOf({ entries, item, wrapped }: Shape): Readonly<Record<string, Shape>> {
  const inside = wrapped ?? item;
  return entries ?? (inside ? entriesOf(inside) : {});
}

/** Lists the keys that may stand at a place in the file: `["exempt", "0", "usr"]` gives those of an exemption. */
export function keysAt(place: readonly string[]): string[] {
  let at: Shape | undefined = schema as Shape;
  for (const step of place.slice(0, -1)) if (at && !/^\d+$/.test(step)) at = entriesOf(at)[step];
  return at ? Object.keys(entriesOf(at)) : [];
}

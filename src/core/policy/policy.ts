/** Turns the text of configuration files into a complete policy, or into errors with their lines. */

import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { type Catalogue, makeCatalogue } from "../recognition/catalogue.ts";
import { nearest } from "../text/did-you-mean.ts";
import { keysAt } from "./keys-at.ts";
import { REPLACED_KEYS } from "./replaced-keys.ts";
import { type Exemption, type Keys, schema } from "./schema.ts";

/** What the site wants: every key of the configuration with its value. */
export interface Policy extends Omit<Keys, "catalogue"> {
  /** The shipped catalogue with the site's additions. */
  readonly catalogue: Catalogue;
  /** Where the files name an account, "config.toml:7" each; absent where the policy comes from no file. */
  readonly places?: Readonly<Record<string, string>>;
}

/** One mistake in a configuration file. */
export interface PolicyError {
  readonly line: number | null;
  readonly key: string;
  readonly message: string;
}

/** One file: only the keys that it sets, so that a later file can override an earlier one key by key. */
export type PolicyLayer = Readonly<Record<string, unknown>>;

/** Checks one file. Errors name the line and the key; an unknown key is an error that names the nearest known one. */
export function parsePolicyLayer(toml: string): { layer: PolicyLayer; errors: PolicyError[] } {
  let layer: PolicyLayer;
  try {
    layer = parseToml(toml) as PolicyLayer;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "not TOML: ");
    return { layer: {}, errors: [{ line: error.line, key: "", message }] };
  }
  const checked = v.safeParse(schema, layer);
  if (checked.success) return { layer, errors: [] };
  const errors = checked.issues.map((issue): PolicyError => {
    const path = (issue.path ?? []).map((step) => String(step.key));
    const key = keyName(path);
    const line = lineOf(toml, path);
    if (issue.type === "strict_object" && issue.expected === "never")
      return { line, key, message: unknownKey(path) };
    return { line, key, message: issue.message };
  });
  return { layer: {}, errors };
}

/** Merges layers into a policy: later ones win key by key, also inside tables; lists add up. No layer gives the defaults. */
export function mergePolicy(layers: readonly PolicyLayer[]): Policy {
  const keys = v.parse(schema, layers.reduce<PolicyLayer>(merge, {}));
  return { ...keys, catalogue: makeCatalogue(keys.catalogue) };
}

function merge(below: PolicyLayer, above: PolicyLayer): PolicyLayer {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const before = merged[key];
    if (Array.isArray(value) && Array.isArray(before)) merged[key] = [...before, ...value];
    else merged[key] = isTable(value) && isTable(before) ? merge(before, value) : value;
  }
  return merged;
}

/** Tells whether a value is a table of the file. */
export function isTable(value: unknown): value is PolicyLayer {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Lists all exemptions: the users and groups that are named alone, and the entries of `[[exempt]]`. */
export function exemptionsIn({ exemptUsers, exemptGroups, exempt }: Policy): Exemption[] {
  return [...exemptUsers.map((user) => ({ user })), ...exemptGroups.map((group) => ({ group })), ...exempt];
}

/** Formats the place of a value; entries of a list are counted from one: "exempt #2.until". */
function keyName(path: readonly string[]): string {
  return path.reduce((name, step) => {
    if (/^\d+$/.test(step)) return `${name} #${Number(step) + 1}`;
    return name === "" ? step : `${name}.${step}`;
  }, "");
}

function unknownKey(path: readonly string[]): string {
  const remedy = REPLACED_KEYS[path.filter((step) => !/^\d+$/.test(step)).join(".")];
  if (remedy !== undefined) return `unknown key; ${remedy}`;
  const known = keysAt(path);
  const near = nearest(path.at(-1) ?? "", known);
  return `unknown key${near ? `; did you mean "${near}"?` : `; the keys are ${known.join(", ")}`}`;
}

/** Finds the line that sets a key, or null. The TOML parser keeps no positions, so this searches the text. */
function lineOf(toml: string, path: readonly string[]): number | null {
  const names = path.filter((part) => !/^\d+$/.test(part));
  const nth = path.map(Number).find((part) => Number.isInteger(part)) ?? 0;
  const lines = toml.split("\n");
  const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const leaf = names.at(-1);
  if (leaf === undefined) return null;
  const header = new RegExp(`^\\s*\\[+\\s*"?${escaped(names[0] ?? "")}"?[\\s.\\]]`);
  const sections = lines.flatMap((line, i) => (header.test(line) ? [i] : []));
  const start = sections.at(Math.min(nth, sections.length - 1)) ?? 0;
  const key = new RegExp(`(?:^|[\\s{,.])["']?${escaped(leaf)}["']?\\s*=`);
  const found = lines.findIndex((line, i) => i >= start && key.test(line));
  if (found >= 0) return found + 1;
  return sections.length > 0 ? start + 1 : null;
}

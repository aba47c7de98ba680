/** The site's policy: text of a configuration file in, a complete Policy or errors by line out. */
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import type { SiteCatalogue } from "./catalogue.ts";
import { DURATION_HELP, parseDuration } from "./duration.ts";
import { nearest } from "./text.ts";

const duration = v.pipe(
  v.string(`must be ${DURATION_HELP}`),
  v.check((text) => parseDuration(text) !== null, `must be ${DURATION_HELP}`),
  v.transform((text) => parseDuration(text) ?? 0),
);
const text = v.pipe(v.string("must be text in quotes"), v.minLength(1, "must not be empty"));
const wholeNumber = (lowest: number) =>
  v.pipe(
    v.number(`must be a whole number of at least ${lowest}`),
    v.integer(`must be a whole number of at least ${lowest}`),
    v.minValue(lowest, `must be a whole number of at least ${lowest}`),
  );
const bool = v.boolean("must be true or false");
const texts = v.array(text, "must be a list of texts in quotes");
const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.map((option) => `"${option}"`).join(", ")}`);
/** A name or a uid: 1001 and "1001" mean the uid, "alice" the user. */
const account = v.union(
  [wholeNumber(0), text],
  'must be a name in quotes or a number, such as "alice" or 1001',
);
const day = v.pipe(
  v.union([v.string(), v.date()], 'must be a date such as "2027-01-31"'),
  v.transform((value) => (typeof value === "string" ? value : value.toISOString().slice(0, 10))),
  v.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as "2027-01-31"'),
);

const exemption = v.strictObject({
  user: v.optional(account),
  group: v.optional(account),
  product: v.optional(text),
  /** The last day on which it holds, local time. */
  until: v.optional(day),
  reason: v.optional(text),
});

/** Every key, with its default. The one description that validation and the reference are made from. */
const schema = v.strictObject({
  enforce: v.optional(bool, true),
  grace: v.optional(duration, "10m"),
  graceByProduct: v.optional(v.record(v.string(), duration), {}),
  untagged: v.optional(oneOf(["reap", "two-sweeps"]), "reap"),
  termWait: v.optional(duration, "10s"),
  minUid: v.optional(wholeNumber(1)),
  maxTrees: v.optional(wholeNumber(1)),
  tunnels: v.optional(oneOf(["exempt", "reap"]), "exempt"),
  webServers: v.optional(oneOf(["exempt", "reap"]), "exempt"),
  jobClients: v.optional(oneOf(["exempt", "reap"]), "exempt"),
  exemptUsers: v.optional(v.array(account, "must be a list of names or numbers"), []),
  exemptGroups: v.optional(v.array(account, "must be a list of names or numbers"), []),
  exempt: v.optional(v.array(exemption, "must be a list of tables: [[exempt]]"), []),
  catalogue: v.optional(
    v.strictObject({
      directories: v.optional(v.array(v.strictObject({ product: text, directory: text })), []),
      patterns: v.optional(
        v.array(v.strictObject({ product: text, exe: text, argv: v.optional(texts, []) })),
        [],
      ),
      sshd: v.optional(texts, []),
    }),
    {},
  ),
});

export type Exemption = v.InferOutput<typeof exemption>;
export interface Policy extends Omit<v.InferOutput<typeof schema>, "minUid" | "maxTrees" | "catalogue"> {
  /** Null: the system's own (UID_MIN of /etc/login.defs). */
  readonly minUid: number | null;
  /** Null: no limit. */
  readonly maxTrees: number | null;
  readonly catalogue: SiteCatalogue;
}

/** One mistake in a configuration file. */
export interface PolicyError {
  readonly line: number | null;
  readonly key: string;
  readonly message: string;
}

export const DEFAULT_POLICY: Policy = complete(v.parse(schema, {}));

/** What one file says: only the keys that it sets, so that a later file can override an earlier one key by key. */
export type PolicyLayer = Readonly<Record<string, unknown>>;

/** Checks one file's text. Errors name the line and the key; an unknown key is an error and names the nearest one. */
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
  if (checked.success) return { layer, errors: checkExemptions(layer, toml) };
  const errors = checked.issues.map((issue): PolicyError => {
    const path = (issue.path ?? []).map((step) => String(step.key));
    const key = path.join(".");
    const line = lineOf(toml, path);
    if (issue.type === "strict_object" && issue.expected === "never")
      return { line, key, message: unknownKey(path) };
    return { line, key, message: issue.message };
  });
  return { layer: {}, errors };
}

/** The policy of several layers, later ones winning key by key; the lists of exemptions add up. */
export function mergePolicy(layers: readonly PolicyLayer[]): Policy {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      const before = merged[key];
      merged[key] = Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value;
    }
  }
  return complete(v.parse(schema, merged));
}

function complete(parsed: v.InferOutput<typeof schema>): Policy {
  const { directories = [], patterns = [], sshd = [] } = parsed.catalogue;
  return {
    ...parsed,
    minUid: parsed.minUid ?? null,
    maxTrees: parsed.maxTrees ?? null,
    catalogue: { directories, patterns, sshd },
  };
}

/** An exemption that names nobody and nothing would exempt everything: surely not what was meant. */
function checkExemptions(layer: PolicyLayer, toml: string): PolicyError[] {
  const list = (layer.exempt ?? []) as Exemption[];
  return list.flatMap((entry, i) =>
    entry.user === undefined && entry.group === undefined && entry.product === undefined
      ? [
          {
            line: lineOf(toml, ["exempt", String(i)]),
            key: `exempt.${i}`,
            message: "names no user, group or product",
          },
        ]
      : [],
  );
}

function keysAt(path: readonly string[]): string[] {
  if (path.length === 1) return Object.keys(schema.entries);
  if (path[0] === "exempt") return Object.keys(exemption.entries);
  if (path[0] === "catalogue" && path.length === 2) return ["directories", "patterns", "sshd"];
  return path[1] === "directories" ? ["product", "directory"] : ["product", "exe", "argv"];
}

function unknownKey(path: readonly string[]): string {
  const known = keysAt(path);
  const near = nearest(path.at(-1) ?? "", known);
  return `unknown key${near ? `; did you mean "${near}"?` : `; the keys are ${known.join(", ")}`}`;
}

/** The line that sets a key, or null. TOML's parser keeps no positions, so the text is searched as a person would. */
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

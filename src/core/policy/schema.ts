/** Every key of the configuration with its type and default. docs/configuration.md says what each means. */

import * as v from "valibot";
import { DURATION_HELP, parseDuration } from "../text/duration.ts";

const table = <E extends v.ObjectEntries>(entries: E) => v.strictObject(entries, "must be a table");
const listOf = <S extends v.GenericSchema>(item: S) => v.array(item, "must be a list of tables");
const duration = v.pipe(
  v.string(`must be ${DURATION_HELP}`),
  v.check((value) => parseDuration(value) !== null, `must be ${DURATION_HELP}`),
  v.transform((value) => parseDuration(value) ?? 0),
);
/** A duration, or null for "off". */
const durationOrOff = v.union(
  [
    v.pipe(
      v.literal("off"),
      v.transform(() => null),
    ),
    duration,
  ],
  `must be ${DURATION_HELP}, or "off"`,
);
const anyText = v.string("must be text in quotes");
const text = v.pipe(anyText, v.minLength(1, "must not be empty"));
const texts = v.array(text, "must be a list of texts in quotes");
const path = v.pipe(anyText, v.regex(/^(?:$|\/)/, 'must be an absolute path, or "" for none'));
/** "both", "journal" or the path of a file. */
const logTarget = v.pipe(
  anyText,
  v.regex(/^(?:both$|journal$|\/)/, 'must be "both", "journal" or an absolute path'),
);
const wholeNumber = (lowest: number) => {
  const message = `must be a whole number of at least ${lowest}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(lowest, message));
};
const bool = v.boolean("must be true or false");
const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.map((option) => `"${option}"`).join(", ")}`);
const exemptOrReap = oneOf(["exempt", "reap"]);
/** A user name or a uid; 1001 and "1001" both mean the uid. */
const account = v.union(
  [wholeNumber(0), text],
  'must be a name in quotes or a number, such as "alice" or 1001',
);
const accounts = v.array(account, "must be a list of names or numbers");
const day = v.pipe(
  v.union([v.string(), v.date()], 'must be a date such as "2027-01-31"'),
  v.transform((value) => (typeof value === "string" ? value : value.toISOString().slice(0, 10))),
  v.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as "2027-01-31"'),
);

const exemption = v.pipe(
  table({
    user: v.optional(account),
    group: v.optional(account),
    product: v.optional(text),
    until: v.optional(day),
    reason: v.optional(text),
  }),
  // It would exempt everything.
  v.check(
    ({ user, group, product }) => [user, group, product].some((name) => name !== undefined),
    "names no user, group or product",
  ),
);

const agents = table({
  policy: v.optional(exemptOrReap, "reap"),
  grace: v.optional(duration, "2h"),
  busyFor: v.optional(duration, "24h"),
});

const kernels = table({
  grace: v.optional(duration, "24h"),
  busyFor: v.optional(duration, "72h"),
});

const notice = table({
  enabled: v.optional(bool, true),
  text: v.optional(anyText, ""),
  days: v.optional(wholeNumber(1), 14),
});

const catalogue = table({
  directories: v.optional(listOf(table({ product: text, directory: text })), []),
  patterns: v.optional(listOf(table({ product: text, exe: text, argv: v.optional(texts, []) })), []),
  sshd: v.optional(texts, []),
});

/** The keys in the order of the manual. */
export const schema = v.strictObject({
  enforce: v.optional(bool, true),
  grace: v.optional(duration, "3h"),
  graceByProduct: v.optional(
    v.record(v.string(), duration, 'must be a table such as { cursor = "30m" }'),
    {},
  ),
  silentAfter: v.optional(durationOrOff, "12h"),
  settle: v.optional(duration, "2m"),
  termWait: v.optional(duration, "10s"),
  /** Absent: the system's own (UID_MIN of /etc/login.defs), where the files of a host are loaded. */
  minUid: v.optional(wholeNumber(1)),
  /** Null: no limit. */
  maxTrees: v.nullish(wholeNumber(1), null),
  tunnels: v.optional(exemptOrReap, "exempt"),
  webServers: v.optional(exemptOrReap, "exempt"),
  jobEnvironment: v.optional(oneOf(["exempt", "ignore"]), "exempt"),
  log: v.optional(logTarget, "both"),
  exemptUsers: v.optional(accounts, []),
  exemptGroups: v.optional(accounts, []),
  exempt: v.optional(v.array(exemption, "must be a list of tables: [[exempt]]"), []),
  agents: v.optional(agents, {}),
  kernels: v.optional(kernels, {}),
  ledger: v.optional(table({ file: v.optional(path, "/var/log/vscode-grim-reaper/ledger.jsonl") }), {}),
  metrics: v.optional(table({ file: v.optional(path, "") }), {}),
  notice: v.optional(notice, {}),
  hooks: v.optional(table({ notify: v.optional(path, "") }), {}),
  keep: v.optional(table({ max: v.optional(duration, "24h") }), {}),
  catalogue: v.optional(catalogue, {}),
});

export type Exemption = v.InferOutput<typeof exemption>;
export type Keys = v.InferOutput<typeof schema>;

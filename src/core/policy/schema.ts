/** Every key of the configuration with its type and default. docs/configuration.md says what each means. */

import * as v from "valibot";
import {
  account,
  accounts,
  anyText,
  bool,
  day,
  duration,
  durationOrOff,
  exemptOrReap,
  listOf,
  logTarget,
  oneOf,
  path,
  table,
  text,
  texts,
  wholeNumber,
} from "./schema-values.ts";

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
  /** Null: the system's own (UID_MIN of /etc/login.defs). */
  minUid: v.nullish(wholeNumber(1), null),
  /** Null: no limit. */
  maxTrees: v.nullish(wholeNumber(1), null),
  tunnels: v.optional(exemptOrReap, "exempt"),
  webServers: v.optional(exemptOrReap, "exempt"),
  jobClients: v.optional(exemptOrReap, "exempt"),
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

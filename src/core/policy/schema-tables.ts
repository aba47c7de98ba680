/** The schemas of the tables that decide what happens to trees. */

import * as v from "valibot";
import { account, day, duration, EXEMPT_OR_REAP, exemptOrReap, key, text, texts } from "./schema-values.ts";

export const exemption = v.strictObject(
  {
    user: key(account, undefined, "name or uid", "exempts this user's trees"),
    group: key(account, undefined, "name or gid", "exempts trees of the members of this group"),
    product: key(text, undefined, "product", "exempts trees of this product, as `list` names it"),
    until: key(day, undefined, "date", "the last day of the exemption, in local time", "for ever"),
    reason: key(text, undefined, "text", "shown by `list`, `explain`, `check-config` and the log"),
  },
  "must be a table",
);

export const agents = v.strictObject(
  {
    policy: key(
      exemptOrReap,
      "reap",
      EXEMPT_OR_REAP,
      '`"reap"` ends an idle daemon without a client like any orphan, by two sweeps',
    ),
    grace: key(
      duration,
      "2h",
      "duration",
      "how long a daemon without a client is left alone; `graceByProduct` overrides it",
    ),
    busyFor: key(
      duration,
      "24h",
      "duration",
      "how long, after a sweep first found it without a client, a daemon is left alone while it is busy: it used more than 1 % of a core since the last sweep, or runs a command; `0s` disregards that",
    ),
  },
  "must be a table",
);

export const kernels = v.strictObject(
  {
    grace: key(
      duration,
      "24h",
      "duration",
      "how long a kernel without a client is left alone; `graceByProduct` overrides it, and a shorter `--idle-shutdown-hours` of its own wins",
    ),
    busyFor: key(
      duration,
      "72h",
      "duration",
      "how long, after a sweep first found it without a client, a kernel is left alone while it uses more than 1 % of a core; `0s` disregards that",
    ),
  },
  "must be a table",
);

export const keep = v.strictObject(
  {
    max: key(
      duration,
      "24h",
      "duration",
      "how long a request of a user (`vscode-grim-reaper keep`) counts for a tree after a sweep first found it without a client; `0s` refuses all requests",
    ),
  },
  "must be a table",
);

export const catalogue = v.strictObject(
  {
    directories: key(
      v.array(
        v.strictObject({ product: text, directory: text }, "must be a table"),
        "must be a list of tables",
      ),
      [],
      "list of { product, directory }",
      "the server folders of a fork, below any home: `.acme-server`",
    ),
    patterns: key(
      v.array(
        v.strictObject({ product: text, exe: text, argv: v.optional(texts, []) }, "must be a table"),
        "must be a list of tables",
      ),
      [],
      "list of { product, exe, argv }",
      "servers recognised by executable and exact arguments",
    ),
    sshd: key(texts, [], "list of names", "names of ssh servers that are not among the known ones"),
  },
  "must be a table",
);

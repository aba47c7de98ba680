/** The schemas of the tables that decide what happens to trees. */

import * as v from "valibot";
import { account, day, duration, EXEMPT_OR_REAP, exemptOrReap, note, text, texts } from "./schema-values.ts";

export const exemption = v.strictObject(
  {
    user: v.optional(v.pipe(account, note("name or uid", "exempts this user's trees"))),
    group: v.optional(v.pipe(account, note("name or gid", "exempts trees of the members of this group"))),
    product: v.optional(v.pipe(text, note("product", "exempts trees of this product, as `list` names it"))),
    until: v.optional(v.pipe(day, note("date", "the last day of the exemption, in local time", "for ever"))),
    reason: v.optional(v.pipe(text, note("text", "shown by `list`, `explain`, `check-config` and the log"))),
  },
  "must be a table",
);

export const agents = v.strictObject(
  {
    policy: v.optional(
      v.pipe(
        exemptOrReap,
        note(
          EXEMPT_OR_REAP,
          '`"reap"` ends an idle daemon without a client like any orphan, after two looks',
        ),
      ),
      "reap",
    ),
    grace: v.optional(
      v.pipe(
        duration,
        note("duration", "how long a daemon without a client is left alone; `graceByProduct` overrides it"),
      ),
      "2h",
    ),
    busyFor: v.optional(
      v.pipe(
        duration,
        note(
          "duration",
          "how long, after a sweep first found it without a client, a daemon is left alone while it is busy: it used more than 1 % of a core since the last sweep, or runs a command; `0s` disregards that",
        ),
      ),
      "24h",
    ),
  },
  "must be a table",
);

export const keep = v.strictObject(
  {
    max: v.optional(
      v.pipe(
        duration,
        note(
          "duration",
          "how long a request of a user (`vscode-grim-reaper keep`) counts for a tree after a sweep first found it without a client; `0s` refuses all requests",
        ),
      ),
      "24h",
    ),
  },
  "must be a table",
);

export const catalogue = v.strictObject(
  {
    directories: v.optional(
      v.pipe(
        v.array(
          v.strictObject({ product: text, directory: text }, "must be a table"),
          "must be a list of tables",
        ),
        note(
          "list of { product, directory }",
          "the server folders of a fork, below any home: `.acme-server`",
        ),
      ),
      [],
    ),
    patterns: v.optional(
      v.pipe(
        v.array(
          v.strictObject({ product: text, exe: text, argv: v.optional(texts, []) }, "must be a table"),
          "must be a list of tables",
        ),
        note("list of { product, exe, argv }", "servers recognised by executable and exact arguments"),
      ),
      [],
    ),
    sshd: v.optional(
      v.pipe(texts, note("list of names", "names of ssh servers that are not among the known ones")),
      [],
    ),
  },
  "must be a table",
);

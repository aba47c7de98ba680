/** The tables of the configuration, a schema each. */

import * as v from "valibot";
import {
  account,
  address,
  anyText,
  bool,
  day,
  duration,
  EXEMPT_OR_REAP,
  exemptOrReap,
  note,
  oneLine,
  oneOf,
  path,
  text,
  texts,
  wholeNumber,
} from "./schema-values.ts";

export const exemption = v.strictObject({
  user: v.optional(v.pipe(account, note("name or uid", "this user's trees"))),
  group: v.optional(v.pipe(account, note("name or gid", "trees of the members of this group"))),
  netgroup: v.optional(
    v.pipe(
      text,
      note("name", "trees of the users that this netgroup's triples name; an empty one is everybody"),
    ),
  ),
  product: v.optional(v.pipe(text, note("product", "trees of this product, as list names it"))),
  until: v.optional(v.pipe(day, note("date", "the last day on which it holds, local time", "for ever"))),
  reason: v.optional(v.pipe(text, note("text", "shown by list, explain, check-config and the log"))),
});

export const agents = v.strictObject({
  policy: v.optional(
    v.pipe(
      exemptOrReap,
      note(EXEMPT_OR_REAP, '`"reap"` ends an idle daemon that has no client like any orphan, by two looks'),
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
  busy: v.optional(
    v.pipe(
      oneOf(["spare", "ignore"]),
      note(
        '"spare" or "ignore"',
        "a daemon that used more than 1 % of a core between the two looks, itself or what runs below it",
      ),
    ),
    "spare",
  ),
});

export const notice = v.strictObject({
  enabled: v.optional(
    v.pipe(
      bool,
      note("true or false", "tell a user at the next login in a terminal what was ended, and why"),
    ),
    true,
  ),
  text: v.optional(
    v.pipe(anyText, note("text", "the site's own words below each notice; several lines may be")),
    "",
  ),
  url: v.optional(v.pipe(oneLine, note("text", "where the site explains it")), ""),
  days: v.optional(v.pipe(wholeNumber(1), note("number", "how long a notice waits for its user")), 14),
});

export const mail = v.strictObject({
  enabled: v.optional(v.pipe(bool, note("true or false", "mail a user what was ended as well")), false),
  to: v.optional(
    v.pipe(address, note("address", "`%u` is the login name, `%h` the host: `%u@example.org`")),
    "%u",
  ),
  from: v.optional(
    v.pipe(address, note("address", "the sender, of the envelope too; `%h` is the host")),
    "root",
  ),
  subject: v.optional(
    v.pipe(oneLine, v.minLength(1, "must not be empty"), note("text", "`%u` and `%h` as above")),
    "Your editor's server on %h was ended",
  ),
  template: v.optional(
    v.pipe(
      path,
      note(
        "file",
        "the body: `%u` user, `%h` host, `%r` what was ended, when and why, `%t` and `%l` text and URL of `[notice]`, `%%` a percent sign",
        "built in",
      ),
    ),
    "",
  ),
});

export const hooks = v.strictObject({
  veto: v.optional(
    v.pipe(
      path,
      note(
        "program",
        "asked before a tree is ended, with its JSON on standard input: exit status 0 lets it end, 10 spares it for the reason in the first line of output; anything else, or no answer within 5 s, spares it and is a fault",
        "none",
      ),
    ),
    "",
  ),
  notify: v.optional(
    v.pipe(
      path,
      note(
        "program",
        "run for each tree that was ended, or could not be, with its JSON on standard input, outside the sweep's sandbox",
        "none",
      ),
    ),
    "",
  ),
});

export const keep = v.strictObject({
  max: v.optional(
    v.pipe(
      duration,
      note("duration", "the longest time for which a user can have their own trees left alone; `0s` refuses"),
    ),
    "24h",
  ),
});

export const catalogue = v.strictObject({
  directories: v.optional(
    v.pipe(
      v.array(v.strictObject({ product: text, directory: text })),
      note("list of { product, directory }", "server directories of a fork, below any home: `.acme-server`"),
    ),
    [],
  ),
  patterns: v.optional(
    v.pipe(
      v.array(v.strictObject({ product: text, exe: text, argv: v.optional(texts, []) })),
      note("list of { product, exe, argv }", "servers known by executable and exact arguments"),
    ),
    [],
  ),
  sshd: v.optional(
    v.pipe(texts, note("list of names", "ssh servers of another name than the known ones")),
    [],
  ),
});

export const ledger = v.strictObject({
  file: v.optional(
    v.pipe(path, note("path", 'one line of JSON for each tree that was ended, for `report`; `""`: none')),
    "/var/lib/vscode-grim-reaper/ledger.jsonl",
  ),
});

export const metrics = v.strictObject({
  file: v.optional(
    v.pipe(
      path,
      note(
        "path",
        "metrics of the last sweep for the text file collector of Prometheus' node exporter; a name that ends in `.prom`",
        "off",
      ),
    ),
    "",
  ),
});

export const cluster = v.strictObject({
  dir: v.optional(
    v.pipe(
      path,
      note(
        "path",
        "a folder that all login nodes share and only root may write: each sweep tells there who is attached, and an orphan whose user has come back on another node gets only `cluster.grace`",
        "off",
      ),
    ),
    "",
  ),
  maxAge: v.optional(
    v.pipe(
      duration,
      note("duration", "how long another node's word counts; longer than its sweeps are apart"),
    ),
    "2h",
  ),
  grace: v.optional(
    v.pipe(
      duration,
      note("duration", "the grace of an orphan whose user has come back on another node; never lengthens it"),
    ),
    "1m",
  ),
});

/** Every key of the configuration: its type, its default and what it means. Validation and the manual come from here. */
import * as v from "valibot";
import { DURATION_HELP, parseDuration } from "./duration.ts";

/** What the reference says of a key. */
export interface KeyNote {
  /** The type for people: "duration", "true or false". */
  readonly type: string;
  readonly meaning: string;
  /** The default in words, where the value itself says too little. */
  readonly default?: string;
}

const note = <T>(type: string, meaning: string, byDefault?: string) =>
  v.metadata<T, KeyNote & Record<string, unknown>>({
    type,
    meaning,
    ...(byDefault !== undefined && { default: byDefault }),
  });

const duration = v.pipe(
  v.string(`must be ${DURATION_HELP}`),
  v.check((text) => parseDuration(text) !== null, `must be ${DURATION_HELP}`),
  v.transform((text) => parseDuration(text) ?? 0),
);
const text = v.pipe(v.string("must be text in quotes"), v.minLength(1, "must not be empty"));
const anyText = v.string("must be text in quotes");
const path = v.pipe(
  anyText,
  v.check((value) => value === "" || value.startsWith("/"), 'must be an absolute path, or "" for none'),
);
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
const accounts = v.array(account, "must be a list of names or numbers");
const day = v.pipe(
  v.union([v.string(), v.date()], 'must be a date such as "2027-01-31"'),
  v.transform((value) => (typeof value === "string" ? value : value.toISOString().slice(0, 10))),
  v.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as "2027-01-31"'),
);
const exemptOrReap = oneOf(["exempt", "reap"]);
const EXEMPT_OR_REAP = '"exempt" or "reap"';

const exemption = v.strictObject({
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

/** Text that goes into a header or a line of its own. */
const oneLine = v.pipe(
  anyText,
  v.check((value) => !/\p{C}/u.test(value), "must be one line without control characters"),
);
const address = v.pipe(
  oneLine,
  v.regex(/^[A-Za-z0-9_%][\w.%+-]*(?:@[\w.%-]+)?$/, 'must be one mail address, such as "hpc@example.org"'),
);

const notice = v.strictObject({
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

const mail = v.strictObject({
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

const keep = v.strictObject({
  max: v.optional(
    v.pipe(
      duration,
      note("duration", "the longest time for which a user can have their own trees left alone; `0s` refuses"),
    ),
    "24h",
  ),
});

const catalogue = v.strictObject({
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

const ledger = v.strictObject({
  file: v.optional(
    v.pipe(path, note("path", 'one line of JSON for each tree that was ended, for `report`; `""`: none')),
    "/var/lib/vscode-grim-reaper/ledger.jsonl",
  ),
});

const metrics = v.strictObject({
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

const cluster = v.strictObject({
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

/** The keys in the order of the manual. */
export const schema = v.strictObject({
  enforce: v.optional(
    v.pipe(bool, note("true or false", "`false`: a sweep only says what it would do")),
    true,
  ),
  grace: v.optional(
    v.pipe(
      duration,
      note(
        "duration",
        "how long an orphan is left alone: the site's cap; a shorter `--reconnection-grace-time` of the server wins",
      ),
    ),
    "10m",
  ),
  graceByProduct: v.optional(
    v.pipe(v.record(v.string(), duration), note("table", 'another grace for a product: `cursor = "30m"`')),
    {},
  ),
  untagged: v.optional(
    v.pipe(
      oneOf(["reap", "two-sweeps"]),
      note(
        '"reap" or "two-sweeps"',
        'an orphan without a tag: `"reap"` when older than the grace; `"two-sweeps"`: a first sweep marks it, one after the grace reaps it',
      ),
    ),
    "reap",
  ),
  termWait: v.optional(
    v.pipe(duration, note("duration", "between SIGTERM and SIGKILL; ends early when all are gone")),
    "10s",
  ),
  minUid: v.optional(
    v.pipe(wholeNumber(1), note("number", "users below are never touched", "`UID_MIN` of `/etc/login.defs`")),
  ),
  maxTrees: v.optional(
    v.pipe(
      wholeNumber(1),
      note("number", "an unforced sweep that would end more trees stops before the first", "unlimited"),
    ),
  ),
  tunnels: v.optional(
    v.pipe(exemptOrReap, note(EXEMPT_OR_REAP, '`code tunnel`: `"reap"` treats it like any other server')),
    "exempt",
  ),
  webServers: v.optional(
    v.pipe(exemptOrReap, note(EXEMPT_OR_REAP, "servers started to be reached by a browser: the same")),
    "exempt",
  ),
  jobClients: v.optional(
    v.pipe(
      exemptOrReap,
      note(EXEMPT_OR_REAP, "trees whose terminal holds a batch allocation (`srun`, `salloc`): the same"),
    ),
    "exempt",
  ),
  jobEnvironment: v.optional(
    v.pipe(
      oneOf(["exempt", "ignore"]),
      note(
        '"exempt" or "ignore"',
        'trees whose environment is a batch job\'s (`SLURM_JOB_ID` …), which a user can set as well: `"ignore"` does not look',
      ),
    ),
    "exempt",
  ),
  exemptUsers: v.optional(
    v.pipe(accounts, note("list", "users whose trees stay, by exact name or number")),
    [],
  ),
  exemptGroups: v.optional(v.pipe(accounts, note("list", "groups whose members' trees stay, the same")), []),
  exempt: v.optional(
    v.pipe(
      v.array(exemption, "must be a list of tables: [[exempt]]"),
      note("list of tables", "exemptions with an end and a reason; the keys that are given must all fit"),
    ),
    [],
  ),
  ledger: v.optional(v.pipe(ledger, note("table", "the record of what was ended")), {}),
  metrics: v.optional(v.pipe(metrics, note("table", "for monitoring")), {}),
  cluster: v.optional(v.pipe(cluster, note("table", "more than one login node")), {}),
  notice: v.optional(v.pipe(notice, note("table", "what a user is told at the next login")), {}),
  mail: v.optional(v.pipe(mail, note("table", "what a user is told by mail")), {}),
  keep: v.optional(v.pipe(keep, note("table", "what a user may ask for with `keep`")), {}),
  catalogue: v.optional(
    v.pipe(catalogue, note("table", "servers that the built-in catalogue does not know")),
    {},
  ),
});

export { anyText, bool, duration, path };
export type Exemption = v.InferOutput<typeof exemption>;
export type Keys = v.InferOutput<typeof schema>;

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

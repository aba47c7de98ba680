/** Every key of the configuration: its type, its default and what it means. Validation and the manual come from here. */

import * as v from "valibot";
import {
  agents,
  catalogue,
  cluster,
  exemption,
  hooks,
  keep,
  ledger,
  mail,
  metrics,
  notice,
} from "./schema-tables.ts";
import {
  accounts,
  bool,
  duration,
  EXEMPT_OR_REAP,
  exemptOrReap,
  note,
  oneOf,
  wholeNumber,
} from "./schema-values.ts";

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
      oneOf(["two-looks", "reap", "two-sweeps"]),
      v.transform((value) => (value === "two-sweeps" ? "two-looks" : value)),
      note(
        '"two-looks" or "reap"',
        'an orphan without a tag: `"two-looks"`: a first sweep marks it, and one that finds the same after the grace ends it; `"reap"`: one sweep ends it when it is older than the grace. `"two-sweeps"` is the older name of `"two-looks"`',
      ),
    ),
    "two-looks",
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
  agents: v.optional(
    v.pipe(agents, note("table", "coding agents' daemons, which work with nobody connected")),
    {},
  ),
  ledger: v.optional(v.pipe(ledger, note("table", "the record of what was ended")), {}),
  metrics: v.optional(v.pipe(metrics, note("table", "for monitoring")), {}),
  cluster: v.optional(v.pipe(cluster, note("table", "more than one login node")), {}),
  notice: v.optional(v.pipe(notice, note("table", "what a user is told at the next login")), {}),
  mail: v.optional(v.pipe(mail, note("table", "what a user is told by mail")), {}),
  hooks: v.optional(v.pipe(hooks, note("table", "programs of the site's")), {}),
  keep: v.optional(v.pipe(keep, note("table", "what a user may ask for with `keep`")), {}),
  catalogue: v.optional(
    v.pipe(catalogue, note("table", "servers that the built-in catalogue does not know")),
    {},
  ),
});

export type Exemption = v.InferOutput<typeof exemption>;
export type Keys = v.InferOutput<typeof schema>;

/** Defines every key of the configuration: its type, default and meaning, for validation and for the manual. */

import * as v from "valibot";
import { hooks, ledger, metrics, notice } from "./schema-outputs.ts";
import { agents, catalogue, exemption, keep } from "./schema-tables.ts";
import {
  accounts,
  bool,
  duration,
  durationOrOff,
  EXEMPT_OR_REAP,
  exemptOrReap,
  logTarget,
  note,
  oneOf,
  wholeNumber,
} from "./schema-values.ts";

/** The keys in the order of the manual. */
export const schema = v.strictObject({
  enforce: v.optional(
    v.pipe(bool, note("true or false", "`false`: sweeps only report what they would end")),
    true,
  ),
  grace: v.optional(
    v.pipe(
      duration,
      note(
        "duration",
        "how long after its last sign of use an orphan is left alone. A server's shorter `--reconnection-grace-time` wins, down to 10 minutes",
      ),
    ),
    "3h",
  ),
  graceByProduct: v.optional(
    v.pipe(
      v.record(v.string(), duration, 'must be a table such as { cursor = "30m" }'),
      note("table", 'another grace period for a product: `cursor = "30m"`'),
    ),
    {},
  ),
  silentAfter: v.optional(
    v.pipe(
      durationOrOff,
      note(
        'duration or "off"',
        'a TCP connection on which no data has flowed for this long is no use; `"off"`: it is for as long as it lasts. VS Code and its server each send every 5 s',
      ),
    ),
    "12h",
  ),
  settle: v.optional(
    v.pipe(
      duration,
      note(
        "duration",
        "how long a sweep that found something to end waits before it looks again; it ends only what both looks found unused. `--settle` overrides it",
      ),
    ),
    "2m",
  ),
  termWait: v.optional(
    v.pipe(
      duration,
      note(
        "duration",
        "how long to wait between SIGTERM and SIGKILL; the wait ends when all processes have ended",
      ),
    ),
    "10s",
  ),
  minUid: v.optional(
    v.pipe(
      wholeNumber(1),
      note("number", "users with a lower uid are never touched", "`UID_MIN` of `/etc/login.defs`"),
    ),
  ),
  maxTrees: v.optional(
    v.pipe(
      wholeNumber(1),
      note("number", "a sweep that would end more trees ends none, unless it is forced", "unlimited"),
    ),
  ),
  tunnels: v.optional(
    v.pipe(exemptOrReap, note(EXEMPT_OR_REAP, '`code tunnel`: `"reap"` treats it like any other server')),
    "exempt",
  ),
  webServers: v.optional(
    v.pipe(exemptOrReap, note(EXEMPT_OR_REAP, "servers that a browser reaches: the same")),
    "exempt",
  ),
  jobClients: v.optional(
    v.pipe(
      exemptOrReap,
      note(EXEMPT_OR_REAP, "trees with a batch allocation in a terminal (`srun`, `salloc`): the same"),
    ),
    "exempt",
  ),
  jobEnvironment: v.optional(
    v.pipe(
      oneOf(["exempt", "ignore"]),
      note(
        '"exempt" or "ignore"',
        'trees whose environment is that of a batch job (`SLURM_JOB_ID` …), which users can also set themselves: `"ignore"` disregards it',
      ),
    ),
    "exempt",
  ),
  log: v.optional(
    v.pipe(
      logTarget,
      note(
        '"both", "journal" or path',
        'where the service writes: `"both"`: every line to the file of its `-l`, and the kills, faults and one summary per sweep to the journal; `"journal"`: everything to the journal; a path: everything to that file',
      ),
    ),
    "both",
  ),
  exemptUsers: v.optional(
    v.pipe(accounts, note("list", "users whose trees are never ended, by exact name or number")),
    [],
  ),
  exemptGroups: v.optional(
    v.pipe(accounts, note("list", "groups whose members' trees are never ended, by exact name or number")),
    [],
  ),
  exempt: v.optional(
    v.pipe(
      v.array(exemption, "must be a list of tables: [[exempt]]"),
      note("list of tables", "exemptions with an end date and a reason; a tree must match every key given"),
    ),
    [],
  ),
  agents: v.optional(
    v.pipe(agents, note("table", "the daemons of coding agents, which work without a client")),
    {},
  ),
  ledger: v.optional(v.pipe(ledger, note("table", "where to record what was ended")), {}),
  metrics: v.optional(v.pipe(metrics, note("table", "what monitoring reads")), {}),
  notice: v.optional(v.pipe(notice, note("table", "what users see at their next login")), {}),
  hooks: v.optional(v.pipe(hooks, note("table", "a program of the site")), {}),
  keep: v.optional(v.pipe(keep, note("table", "what users may ask for with `keep`")), {}),
  catalogue: v.optional(
    v.pipe(catalogue, note("table", "servers that the built-in catalogue does not contain")),
    {},
  ),
});

export type Exemption = v.InferOutput<typeof exemption>;
export type Keys = v.InferOutput<typeof schema>;

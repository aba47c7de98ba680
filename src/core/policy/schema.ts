/** Defines every key of the configuration: its type, default and meaning, for validation and for the manual. */

import * as v from "valibot";
import { hooks, ledger, metrics, notice } from "./schema-outputs.ts";
import { agents, catalogue, exemption, keep, kernels } from "./schema-tables.ts";
import {
  accounts,
  bool,
  duration,
  durationOrOff,
  EXEMPT_OR_REAP,
  exemptOrReap,
  key,
  logTarget,
  oneOf,
  wholeNumber,
} from "./schema-values.ts";

/** The keys in the order of the manual. */
export const schema = v.strictObject({
  enforce: key(bool, true, "true or false", "`false`: sweeps only report what they would end"),
  grace: key(
    duration,
    "3h",
    "duration",
    "how long after its last sign of use an orphan is left alone. A server's shorter `--reconnection-grace-time` wins, down to 10 minutes",
  ),
  graceByProduct: key(
    v.record(v.string(), duration, 'must be a table such as { cursor = "30m" }'),
    {},
    "table",
    'another grace period for a product: `cursor = "30m"`',
  ),
  silentAfter: key(
    durationOrOff,
    "12h",
    'duration or "off"',
    'a TCP connection on which no data has flowed for this long is no use; `"off"`: it is for as long as it lasts. VS Code and its server each send every 5 s',
  ),
  settle: key(
    duration,
    "2m",
    "duration",
    "how long a sweep that found something to end waits before it looks again; it ends only what both looks found unused. `--settle` overrides it",
  ),
  termWait: key(
    duration,
    "10s",
    "duration",
    "how long to wait between SIGTERM and SIGKILL; the wait ends when all processes have ended",
  ),
  minUid: key(
    wholeNumber(1),
    undefined,
    "number",
    "users with a lower uid are never touched",
    "`UID_MIN` of `/etc/login.defs`",
  ),
  maxTrees: key(
    wholeNumber(1),
    undefined,
    "number",
    "a sweep that would end more trees ends none, unless it is forced",
    "unlimited",
  ),
  tunnels: key(
    exemptOrReap,
    "exempt",
    EXEMPT_OR_REAP,
    '`code tunnel`: `"reap"` treats it like any other server',
  ),
  webServers: key(exemptOrReap, "exempt", EXEMPT_OR_REAP, "servers that a browser reaches: the same"),
  jobClients: key(
    exemptOrReap,
    "exempt",
    EXEMPT_OR_REAP,
    "trees with a batch allocation in a terminal (`srun`, `salloc`): the same",
  ),
  jobEnvironment: key(
    oneOf(["exempt", "ignore"]),
    "exempt",
    '"exempt" or "ignore"',
    'trees whose environment is that of a batch job (`SLURM_JOB_ID` …), which users can also set themselves: `"ignore"` disregards it',
  ),
  log: key(
    logTarget,
    "both",
    '"both", "journal" or path',
    'where the service writes: `"both"`: every line to the file of its `-l`, and the kills, faults and one summary per sweep to the journal; `"journal"`: everything to the journal; a path: everything to that file',
  ),
  exemptUsers: key(accounts, [], "list", "users whose trees are never ended, by exact name or number"),
  exemptGroups: key(
    accounts,
    [],
    "list",
    "groups whose members' trees are never ended, by exact name or number",
  ),
  exempt: key(
    v.array(exemption, "must be a list of tables: [[exempt]]"),
    [],
    "list of tables",
    "exemptions with an end date and a reason; a tree must match every key given",
  ),
  agents: key(agents, {}, "table", "the daemons of coding agents, which work without a client"),
  kernels: key(
    kernels,
    {},
    "table",
    "interpreters with a user's data, which outlive their server: Positron's, and Jupyter's of VS Code",
  ),
  ledger: key(ledger, {}, "table", "where to record what was ended"),
  metrics: key(metrics, {}, "table", "what monitoring reads"),
  notice: key(notice, {}, "table", "what users see at their next login"),
  hooks: key(hooks, {}, "table", "a program of the site"),
  keep: key(keep, {}, "table", "what users may ask for with `keep`"),
  catalogue: key(catalogue, {}, "table", "servers that the built-in catalogue does not contain"),
});

export type Exemption = v.InferOutput<typeof exemption>;
export type Keys = v.InferOutput<typeof schema>;

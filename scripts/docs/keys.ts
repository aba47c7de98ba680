/** What the reference in the manuals says of each key of the configuration. */

import { entriesOf, type Shape } from "../../src/core/policy/keys-at.ts";
import { schema } from "../../src/core/policy/schema.ts";

/** One key for the reference in the manuals. */
export interface Key {
  /** "grace", "exempt.until". */
  readonly name: string;
  /** The type for people: "duration", "true or false". */
  readonly type: string;
  readonly meaning: string;
  readonly default: string;
}

/** By key: its type and meaning, and its default in words if the value itself says too little. */
const NOTES: Readonly<Record<string, readonly [type: string, meaning: string, byDefault?: string]>> = {
  enforce: ["true or false", "`false`: sweeps only report what they would end"],
  grace: [
    "duration",
    "how long after its last sign of use an orphan is left alone. A server's shorter `--reconnection-grace-time` wins, down to 10 minutes",
  ],
  graceByProduct: ["table", 'another grace period for a product: `cursor = "30m"`'],
  silentAfter: [
    'duration or "off"',
    'a TCP connection on which no data has flowed for this long is no use; `"off"`: it is for as long as it lasts. VS Code and its server each send every 5 s',
  ],
  settle: [
    "duration",
    "how long a sweep that found something to end waits before it looks again; it ends only what both looks found unused. `--settle` overrides it",
  ],
  termWait: [
    "duration",
    "how long to wait between SIGTERM and SIGKILL; the wait ends when all processes have ended",
  ],
  minUid: ["number", "users with a lower uid are never touched", "`UID_MIN` of `/etc/login.defs`"],
  maxTrees: [
    "number",
    "a sweep that would end more trees ends none, unless it is forced; of one user at most half of it counts",
    "unlimited",
  ],
  tunnels: ['"exempt" or "reap"', '`code tunnel`: `"reap"` treats it like any other server'],
  webServers: ['"exempt" or "reap"', "servers that a browser reaches: the same"],
  jobEnvironment: [
    '"exempt" or "ignore"',
    'trees whose environment is that of a batch job (`SLURM_JOB_ID` …), which users can also set themselves: `"ignore"` disregards it',
  ],
  log: [
    '"both", "journal" or path',
    'where the service writes: `"both"`: every line to the file of its `-l`, and the kills, faults and one summary per sweep to the journal; `"journal"`: everything to the journal; a path: everything to that file',
  ],
  exemptUsers: ["list", "users whose trees are never ended, by exact name or number"],
  exemptGroups: ["list", "groups whose members' trees are never ended, by exact name or number"],
  exempt: ["list of tables", "exemptions with an end date and a reason; a tree must match every key given"],
  "exempt.user": ["name or uid", "exempts this user's trees"],
  "exempt.group": ["name or gid", "exempts trees of the members of this group"],
  "exempt.product": ["product", "exempts trees of this product, as `list` names it"],
  "exempt.until": ["date", "the last day of the exemption, in local time", "for ever"],
  "exempt.reason": ["text", "shown by `list`, `explain`, `check-config` and the log"],
  agents: ["table", "the daemons of coding agents, which work without a client"],
  "agents.policy": [
    '"exempt" or "reap"',
    '`"reap"` ends an idle daemon without a client like any orphan, by two sweeps',
  ],
  "agents.grace": [
    "duration",
    "how long a daemon without a client is left alone; `graceByProduct` overrides it",
  ],
  "agents.busyFor": [
    "duration",
    "how long, after a sweep first found it without a client, a daemon is left alone while it is busy: it used more than 1 % of a core since the last sweep, or runs a command; `0s` disregards that",
  ],
  kernels: [
    "table",
    "interpreters with a user's data, which outlive their server: Positron's, and Jupyter's of VS Code",
  ],
  "kernels.grace": [
    "duration",
    "how long a kernel without a client is left alone; `graceByProduct` overrides it, and a shorter `--idle-shutdown-hours` of its own wins",
  ],
  "kernels.busyFor": [
    "duration",
    "how long, after a sweep first found it without a client, a kernel is left alone while it uses more than 1 % of a core; `0s` disregards that",
  ],
  ledger: ["table", "where to record what was ended"],
  "ledger.file": ["path", 'the file with one line of JSON per ended tree, for `report`; `""` for none'],
  metrics: ["table", "what monitoring reads"],
  "metrics.file": [
    "path",
    "the file for the text file collector of Prometheus' node exporter; its name must end in `.prom`",
    "off",
  ],
  notice: ["table", "what users see at their next login"],
  "notice.enabled": ["true or false", "show users at their next login on a terminal what was ended, and why"],
  "notice.text": ["text", "the site's own text below each notice; may have several lines"],
  "notice.days": ["number", "for how many days a notice waits for its user"],
  hooks: ["table", "a program of the site"],
  "hooks.notify": [
    "program",
    "a program that is run for each tree that was ended, or could not be, with its JSON on standard input, outside the sweep's sandbox",
    "none",
  ],
  keep: ["table", "what users may ask for with `keep`"],
  "keep.max": [
    "duration",
    "how long a request of a user (`vscode-grim-reaper keep`) counts for a tree after a sweep first found it without a client; `0s` refuses all requests",
  ],
  catalogue: ["table", "servers that the built-in catalogue does not contain"],
  "catalogue.directories": [
    "list of { product, directory }",
    "the server folders of a fork, below any home: `.acme-server`",
  ],
  "catalogue.patterns": [
    "list of { product, exe, argv }",
    "servers recognised by executable and exact arguments",
  ],
  "catalogue.sshd": ["list of names", "names of ssh servers that are not among the known ones"],
};

function inWords(value: unknown): string {
  const json = JSON.stringify(value);
  return json === undefined || json === "{}" ? "none" : `\`${json}\``;
}

/** Lists all keys with what the reference says of them; the keys of a table follow the table. @throws for one without a note */
export function reference(): Key[] {
  const keysOf = (at: Shape, prefix: string): Key[] =>
    Object.entries(entriesOf(at)).flatMap(([last, entry]) => {
      const name = prefix + last;
      const note = NOTES[name];
      if (note === undefined) throw new Error(`the key ${name} has no note`);
      const [type, meaning, byDefault = inWords(entry.default)] = note;
      const key = { name, type, meaning, default: byDefault };
      // The note of a list of inline tables names their keys.
      return type.startsWith("list of {") ? [key] : [key, ...keysOf(entry, `${name}.`)];
    });
  const keys = keysOf(schema as Shape, "");
  const gone = Object.keys(NOTES).find((name) => !keys.some((key) => key.name === name));
  if (gone !== undefined) throw new Error(`the note of ${gone} belongs to no key`);
  return keys;
}

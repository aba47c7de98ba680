/** The codes of reasons: each is the code of a verdict that can be, and of that verdict alone. */

import assert from "node:assert/strict";
import test from "node:test";
import { REASONS, type ReasonCode } from "../../../src/core/evidence/reasons.ts";
import type { Connection, Connections } from "../../../src/core/observation/connections.ts";
import type { CpuReading, Observation, TreeState } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { mergePolicy, type PolicyLayer } from "../../../src/core/policy/policy.ts";
import { hostDocument } from "../../../src/core/report/json.ts";
import { type Accounts, NO_ACCOUNTS } from "../../../src/core/verdict/exemption.ts";
import type { Judgement, JudgeOptions } from "../../../src/core/verdict/judge.ts";
import { contextFor, judge } from "../../helpers/judge.ts";
import {
  ALICE,
  accepted,
  fromHost,
  HOME,
  joined,
  LEGACY,
  leftHelper,
  legacyTree,
  linked,
  NO_CONNECTIONS,
  observation,
  opened,
  proc,
  sshSession,
  tagOf,
  UPTIME,
} from "../../helpers/proc.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BOB = 2002;

interface Case {
  /** The ordinary tree of pid 500 where none is given. */
  readonly processes?: readonly Proc[];
  readonly init?: Partial<Observation>;
  readonly policy?: PolicyLayer;
  readonly accounts?: Partial<Accounts>;
  readonly force?: boolean;
  /** The root of the tree in question. */
  readonly root?: number;
  /** The policy under which it is not a reason. */
  readonly unless?: PolicyLayer;
  /** The sentence that people read. */
  readonly says?: string;
}

/** Exemptions that no flag lifts, and those that `--include-jobs` does; `--include-exempt` lifts the others. */
const NEVER_LIFTED: readonly string[] = [
  ...["root-user", "system-account", "mixed-user-ids"],
  ...["terminal-multiplexer", "other-pid-namespace", "managed-service"],
];
const JOBS: readonly string[] = ["batch-job", "job-environment", "job-client"];

const tree = legacyTree(500);
const [root] = tree as [Proc];
const rootWith = (more: Partial<Proc>): Proc[] => [{ ...root, ...more }, ...tree.slice(1)];
const asked = (more: Partial<Connections>): Partial<Observation> => ({
  connections: { ...NO_CONNECTIONS, ...more },
});
const links = (...some: Connection[]): Partial<Observation> => ({ connections: linked(...some) });
const mark = (ago: number, startTime: number, rows?: CpuReading["rows"]): TreeState => ({
  pid: 500,
  startTime,
  uid: ALICE,
  usedAt: null,
  orphanAt: UPTIME - ago,
  ...(rows && { cpu: { at: UPTIME - ago, rows } }),
});
/** The tree with these properties of all its processes, and what is said of it. */
const all = (init: Partial<Proc>, says: string): Case => ({ processes: legacyTree(500, init), says });
const inTerminal = (more: Partial<Proc>, says: string): Case => ({
  processes: [...tree, proc({ pid: 510, ppid: 505, tty: 34_816, ...more })],
  says,
});
const code = "/usr/local/bin/code";
const tunnel = proc({ pid: 800, exe: code, argv: "code tunnel" });
const NODE = "/usr/lib/code-server/lib/node";
const codeServer = { exe: NODE, argv: [NODE, "/usr/lib/code-server/out/node/entry"] };
const otherIde = proc({ pid: 880, exe: "/opt/other/bin/host" });
const exe = `${HOME}/.codex/packages/standalone/releases/0.147.0/bin/codex`;
const daemon = proc({ pid: 500, exe, argv: "codex app-server --listen unix://", startTime: 7 });
const ssh = sshSession(300);

const cases: Readonly<Record<ReasonCode, Case>> = {
  "tag-past-grace": { init: { tags: [tagOf(10 * MINUTE)] }, policy: { grace: "10m" } },
  "two-sweeps": { init: { states: [mark(10 * MINUTE, root.startTime)] }, policy: { grace: "10m" } },
  forced: { force: true },
  "inside-grace": { init: { tags: [tagOf(9 * MINUTE)] } },
  marked: { processes: [...ssh, ...tree], init: { tags: [tagOf(10 * MINUTE)] }, policy: { grace: "10m" } },
  "cpu-time-unknown": { processes: [daemon], init: { states: [mark(3 * HOUR, 7)] } },
  "in-use-session": { processes: [...ssh, ...tree], init: links(accepted(501, 301)) },
  "in-use-other-host": { init: links(fromHost(501)) },
  "in-use-this-host": { init: links(accepted(501, null)) },
  "in-use-display": { init: links(opened(505, null, { kind: "unix", remote: "/tmp/.X11-unix/X0" })) },
  "in-use-exempt-tree": { processes: [...tree, tunnel], init: links(...joined(800, 501)) },
  "in-use-other-user": { processes: [...sshSession(300, BOB), ...tree], init: links(accepted(501, 301)) },
  "parent-alive": { processes: [otherIde, leftHelper({ ppid: 880 })], root: 900 },
  "agent-busy": {
    processes: [{ ...daemon, cpuTicks: 90_000 }],
    init: { states: [mark(HOUR, 7, [[500, 7, 0]])] },
  },
  "root-user": all({ uid: 0 }, "runs as root"),
  "system-account": all({ uid: 999 }, "uid 999 is below 1000, a system account"),
  "mixed-user-ids": {
    says: "process 500 has other user ids (2001 2001 0 2001)",
    processes: rootWith({ uids: [ALICE, ALICE, 0, ALICE] }),
  },
  "terminal-multiplexer": {
    says: "runs below a terminal multiplexer (77)",
    processes: [proc({ pid: 77, exe: "/usr/bin/tmux" }), ...legacyTree(500, { ppid: 77 })],
  },
  "other-pid-namespace": all({ foreignPidNs: true }, "lives in another pid namespace (a container)"),
  "managed-service": all({ cgroups: ["/system.slice/ide.service"] }, "is managed by ide.service"),
  "batch-job": all({ cgroups: ["/system.slice/slurmstepd.scope/job_7/step_0"] }, "is in a Slurm job"),
  "job-environment": {
    unless: { jobEnvironment: "ignore" },
    says: "has the environment of a Slurm job",
    processes: rootWith({ jobVariables: ["SLURM_JOB_ID", "SLURM_STEP_ID"] }),
  },
  "job-client": inTerminal({ exe: "/usr/bin/srun" }, "holds a batch allocation (srun 510)"),
  "terminal-other-user": inTerminal({ uid: BOB }, "has a program of uid 2002 in its terminal (x 510)"),
  "terminal-ssh-server": inTerminal(
    { exe: `${HOME}/conda/bin/sshd` },
    "has an ssh server in its terminal (sshd 510)",
  ),
  "terminal-tunnel": {
    ...inTerminal({ exe: code, argv: ["code", "tunnel"] }, "has a tunnel in its terminal (code 510)"),
    unless: { tunnels: "reap" },
  },
  "terminal-web-server": {
    ...inTerminal(codeServer, "has a web server in its terminal (node 510)"),
    unless: { webServers: "reap" },
  },
  tunnel: { processes: [tunnel], root: 800, unless: { tunnels: "reap" } },
  "agent-exempt": {
    processes: [daemon],
    policy: { agents: { policy: "exempt" } },
    unless: { agents: { policy: "reap" } },
  },
  "web-server": { processes: [proc({ pid: 500, ...codeServer })], unless: { webServers: "reap" } },
  "exempt-entry": {
    policy: { exempt: [{ product: "vscode" }] },
    unless: { exempt: [{ product: "cursor" }] },
  },
  "exempt-lookup-failed": { policy: { exemptUsers: ["alice"] }, accounts: { uidOf: { alice: null } } },
  kept: { init: { keeps: [{ uid: ALICE, pid: 9, startTime: 9, until: 1_700_000_000_001 }] } },
  "process-listing": { init: { source: "ps", connections: null } },
  "sockets-not-read": { init: { connections: null } },
  "socket-list-incomplete": { init: asked({ complete: false }) },
  "over-budget": { init: { ...asked({}), overBudget: [ALICE] } },
  "descriptors-unreadable": { init: asked({ unreadable: [501] }) },
  "other-network-namespace": {
    init: asked({ otherNets: [{ id: "net:[7]", pids: [501], onlyLoopback: false }] }),
  },
  "socket-not-listed": { init: asked({ unlisted: [{ pid: 501, net: null }] }) },
  "ancestor-not-seen": { processes: legacyTree(500, { ppid: 444 }) },
  "ancestor-unreadable": { processes: [proc({ pid: 77, exe: null }), ...legacyTree(500, { ppid: 77 })] },
  "user-ids-unreadable": { processes: rootWith({ uids: null }) },
  "cgroups-unreadable": { processes: rootWith({ cgroups: null }) },
  "environment-unreadable": { processes: rootWith({ jobVariables: null }) },
  "command-line-unreadable": {
    processes: [proc({ pid: 500, exe: `${LEGACY}/node`, argvStatus: "denied" })],
  },
  "as-its-server": { processes: [...tree, leftHelper({ ppid: 1 })], root: 900 },
};

for (const [expected, one] of Object.entries(cases) as [ReasonCode, Case][])
  test(`reason code ${expected}`, () => {
    const { processes = tree, init, policy = {}, accounts, force = false, root: pid = 500 } = one;
    const seen = observation(processes, init);
    const judgedBy = (options: Partial<JudgeOptions>, layer = policy): Judgement[] => {
      const context = contextFor(mergePolicy([layer]), options);
      return judge(seen, { ...context, accounts: { ...NO_ACCOUNTS, ...accounts } });
    };
    const isIt = ({ tree: { root: it } }: Judgement): boolean => it.pid === pid;
    const judged = judgedBy({ force });
    const found = judged.find(isIt);
    assert.equal(found?.reasonCode, expected, `${found?.verdict}: ${found?.reasons.join("; ")}`);
    if (one.says) assert.deepEqual(found?.reasons, [one.says]);
    // Each tree beside it has a code of its own verdict, too.
    for (const { verdict, reasonCode } of judged)
      if (reasonCode === "as-its-server") assert.notEqual(verdict, "reap");
      else assert.ok(reasonCode in REASONS[verdict], `${verdict} ${reasonCode}`);
    const [document] = hostDocument(seen, found ? [found] : [], []).trees;
    assert.equal(document?.reasonCode, expected);
    if (one.unless) assert.notEqual(judgedBy({}, one.unless).find(isIt)?.verdict, "exempt");
    if (!(expected in REASONS.exempt)) return;
    const byOthers = !JOBS.includes(expected) && !NEVER_LIFTED.includes(expected);
    for (const includeJobs of [false, true])
      for (const includeExempt of [false, true]) {
        const isLifted = JOBS.includes(expected) ? includeJobs : includeExempt && byOthers;
        const forced = judgedBy({ force: true, includeJobs, includeExempt }).find(isIt);
        assert.equal(forced?.verdict, isLifted ? "reap" : "exempt");
      }
  });

test("a session above a tree, or the first that is connected to it, gives the code", () => {
  const both = observation([...ssh, ...tree], links(fromHost(501), accepted(501, 301)));
  assert.equal(judge(both)[0]?.reasonCode, "in-use-session");
  const below = observation([...ssh, ...legacyTree(500, { ppid: 301 })], links(fromHost(501)));
  assert.equal(judge(below)[0]?.reasonCode, "in-use-session");
});

test("a code is a plain word and its meaning one sentence", () => {
  for (const [name, meaning] of Object.values(REASONS).flatMap((some) => Object.entries(some))) {
    assert.match(name, /^[a-z]+(?:-[a-z]+)*$/);
    assert.match(meaning, /^[A-Z][^.]*(?:\.policy[^.]*)?\.$/, name);
  }
});

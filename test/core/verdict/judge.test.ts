import assert from "node:assert/strict";
import test from "node:test";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import type { Policy } from "../../../src/core/policy/policy.ts";
import { rowsOf } from "../../../src/core/report/sweep-events.ts";
import type { JudgeContext, Judgement, JudgeOptions } from "../../../src/core/verdict/judge.ts";
import { contextFor, judge, judgeOne } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import {
  accepted,
  leftHelper,
  legacyTree,
  linked,
  observation,
  proc,
  sshSession,
  TICKS,
  tagOf,
  UPTIME,
} from "../../helpers/proc.ts";

/** An orphan ends at once, so that what is tested is what is one. */
const context = (policy: Partial<Policy> = {}, options: Partial<JudgeOptions> = {}): JudgeContext =>
  contextFor({ ...NO_GRACE, ...policy }, options);

const only = (seen: Observation, given = context()): Judgement => judgeOne(seen, given);
const verdictOf = (seen: Observation, given?: JudgeContext): string => only(seen, given).verdict;
const verdicts = (seen: Observation, given: JudgeContext = context()): Record<number, string> =>
  Object.fromEntries(judge(seen, given).map(({ tree, verdict }) => [tree.root.pid, verdict]));

const tree = legacyTree(500);
const [root, server, extensionHost] = tree as [Proc, Proc, Proc];
const MINUTE = 60_000;
const startedAgo = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

test("a tree without a client is reaped, with all of its processes", () => {
  const judgement = only(observation(tree));
  assert.equal(judgement.verdict, "reap");
  const pids = judgement.tree.members.map(({ pid }) => pid);
  assert.deepEqual(pids, [500, 501, 502, 503, 504, 505]);
  const rows = rowsOf(judgement, judgement.tree.members);
  const depths = rows.map(({ depth }) => depth);
  assert.deepEqual(depths, [0, 1, 2, 2, 2, 3]);
});

test("five dead servers and a live one of the same user: five are reaped", () => {
  const dead = [1000, 1100, 1200, 1300, 1400].flatMap((base) => legacyTree(base));
  const seen = observation([...sshSession(300), ...tree, ...dead], {
    connections: linked(accepted(server.pid, 301)),
  });
  assert.deepEqual(Object.values(verdicts(seen)), ["spare", "reap", "reap", "reap", "reap", "reap"]);
});

test("a tag never overrides a connection", () => {
  const seen = observation([...sshSession(300), ...tree], {
    tags: [tagOf(600 * MINUTE)],
    connections: linked(accepted(server.pid, 301)),
  });
  assert.equal(verdictOf(seen), "spare");
});

test("a clock that was set back does not make a tag from the future reap", () => {
  const given = context({ grace: MINUTE });
  assert.equal(verdictOf(observation(tree, { tags: [tagOf(-5 * MINUTE)] }), given), "wait");
});

const withVariables = (names: readonly string[] | null | undefined, pid = 500): Observation =>
  observation(
    tree.map((process) => {
      if (process.pid !== pid) return process;
      const { jobVariables: _, ...rest } = process;
      return names === undefined ? rest : { ...rest, jobVariables: names };
    }),
  );
test("the environment of a root or a server is a job's, that of what a server started is not", () => {
  for (const { pid } of tree) {
    const isLeader = [root, server].some((one) => one.pid === pid);
    assert.equal(verdictOf(withVariables(["SLURM_JOB_ID"], pid)), isLeader ? "exempt" : "reap");
    assert.equal(
      verdictOf(withVariables(["SLURM_JOB_ID"], pid), context({ jobEnvironment: "ignore" })),
      "reap",
    );
  }
});

test("an environment that could not be read, or that was not asked for, is unknown and names the process", () => {
  for (const pid of [root.pid, server.pid])
    for (const names of [null, undefined]) {
      const judgement = only(withVariables(names, pid));
      assert.equal(judgement.verdict, "unknown");
      assert.match(judgement.reasons.join(), new RegExp(`the environment of ${pid} could not be read`));
      assert.equal(verdictOf(withVariables(names, pid), context({ jobEnvironment: "ignore" })), "reap");
    }
  assert.equal(verdictOf(withVariables(null, extensionHost.pid)), "reap");
});

test("force spares a job by its environment, but for its own flag; not what could not be read", () => {
  const forced = (includeJobs: boolean) => context({}, { force: true, includeJobs });
  assert.equal(verdictOf(withVariables(["SLURM_JOB_ID"]), forced(false)), "exempt");
  assert.equal(verdictOf(withVariables(["SLURM_JOB_ID"]), forced(true)), "reap");
  const hidden = only(withVariables(null), forced(false));
  assert.deepEqual([hidden.verdict, hidden.unforced], ["reap", "unknown"]);
});

test("what a batch daemon started is in its job", () => {
  const daemon = proc({ pid: 77, uid: 0, exe: "/usr/sbin/slurmstepd" });
  assert.deepEqual(only(observation([daemon, ...legacyTree(500, { ppid: 77 })])).reasons, [
    "is in a Slurm job",
  ]);
});

test("a job by cgroup and by environment is one reason", () => {
  const processes = legacyTree(500, { cgroups: ["/slurm/uid_2001/job_7"], jobVariables: ["SLURM_JOB_ID"] });
  assert.deepEqual(only(observation(processes)).reasons, ["is in a Slurm job"]);
});

test("a listing of ps is reported with everything that is known, and decides nothing", () => {
  const cgroups = ["/slurm/uid_2001/job_7"];
  const seen = observation(legacyTree(500, { cgroups }), { source: "ps", connections: null });
  const { verdict, reasonCode, reasons } = only(seen);
  assert.deepEqual([verdict, reasonCode], ["unknown", "process-listing"]);
  assert.deepEqual(reasons, [
    "ancestor unknown: a listing shows titles, not executables",
    "client unknown: sockets were not looked at",
    "is in a Slurm job",
  ]);
});

test("force overrides use, grace and doubt", () => {
  const forced = (more: Partial<JudgeOptions> = {}) => context({}, { force: true, ...more });
  const used = observation([...sshSession(300), ...tree], { connections: linked(accepted(server.pid, 301)) });
  assert.equal(verdictOf(used, forced()), "reap");
  assert.equal(only(used, forced()).unforced, "spare");
  assert.equal(verdictOf(observation(tree, { connections: null }), forced()), "reap");
  assert.deepEqual(only(observation(tree, { connections: null }), forced()).reasons.slice(0, 2), [
    "forced, otherwise unknown",
    "client unknown: sockets were not looked at",
  ]);
  assert.equal(only(observation(tree), forced()).reasonCode, "two-sweeps", "without force as well");
});

test("a helper that only its layout names may belong to any server of its user", () => {
  const exe = "/scratch/alice/vs/extensions/ms-vscode.cpptools-1.23.6/bin/cpptools";
  const helper = leftHelper({ exe, startTime: startedAgo(30 * MINUTE) });
  const used = { connections: linked(accepted(server.pid, 301)) };
  const seen = observation([...sshSession(300), ...tree, helper], used);
  assert.deepEqual(verdicts(seen), { 500: "spare", 900: "spare" });
});

test("a choice of users or processes limits what is judged, not what counts as connected", () => {
  const bob = legacyTree(800, { uid: 2002 });
  const seen = observation([...tree, ...bob]);
  const chosen = (options: Partial<JudgeOptions>) => context({}, options);
  assert.deepEqual(Object.keys(verdicts(seen, chosen({ uids: [2002] }))), ["800"]);
  assert.deepEqual(Object.keys(verdicts(seen, chosen({ pids: [505] }))), ["500"]);
  assert.deepEqual(Object.keys(verdicts(seen, chosen({ pids: [4242] }))), []);
});

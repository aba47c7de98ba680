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
  fromHost,
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
/** A session is connected to the server. */
const USED = { connections: linked(accepted(server.pid, 301)) };
const MINUTE = 60_000;
const startedAgo = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

test("a tree without a client is reaped, with all of its processes", () => {
  const judgement = only(observation(tree));
  assert.equal(judgement.verdict, "reap");
  const rows = rowsOf(judgement, judgement.tree.members).map(({ process, depth }) => [process.pid, depth]);
  assert.equal(rows.join(" "), "500,0 501,1 502,2 503,2 504,2 505,3");
});

test("five dead servers and a live one of the same user: five are reaped", () => {
  const dead = [1000, 1100, 1200, 1300, 1400].flatMap((base) => legacyTree(base));
  const found = Object.values(verdicts(observation([...sshSession(300), ...tree, ...dead], USED)));
  assert.deepEqual(found, ["spare", "reap", "reap", "reap", "reap", "reap"]);
});

test("a tag never overrides a connection", () => {
  const seen = observation([...sshSession(300), ...tree], { tags: [tagOf(600 * MINUTE)], ...USED });
  assert.equal(verdictOf(seen), "spare");
});

test("a clock that was set back does not make a tag from the future reap", () => {
  const given = context({ grace: MINUTE });
  assert.equal(verdictOf(observation(tree, { tags: [tagOf(-5 * MINUTE)] }), given), "wait");
});

const withVariables = (names: readonly string[] | null | undefined, pid = 500): Observation => {
  const changed = tree.map(({ jobVariables, ...process }): Proc => {
    const own = process.pid === pid ? names : jobVariables;
    return own === undefined ? process : { ...process, jobVariables: own };
  });
  return observation(changed);
};
test("the environment of a root or a server is a job's, that of what a server started is not", () => {
  for (const { pid } of tree) {
    const isLeader = [root, server].some((one) => one.pid === pid);
    const seen = withVariables(["SLURM_JOB_ID"], pid);
    assert.equal(verdictOf(seen), isLeader ? "exempt" : "reap");
    assert.equal(verdictOf(seen, context({ jobEnvironment: "ignore" })), "reap");
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
  const forced = (flag: Partial<JudgeOptions> = {}) => context({}, { force: true, ...flag });
  assert.equal(verdictOf(withVariables(["SLURM_JOB_ID"]), forced()), "exempt");
  assert.equal(verdictOf(withVariables(["SLURM_JOB_ID"]), forced({ includeJobs: true })), "reap");
  const hidden = only(withVariables(null), forced());
  assert.deepEqual([hidden.verdict, hidden.unforced], ["reap", "unknown"]);
});

test("what a batch daemon started is in its job", () => {
  const daemon = proc({ pid: 77, uid: 0, exe: "/usr/sbin/slurmstepd" });
  const { reasons } = only(observation([daemon, ...legacyTree(500, { ppid: 77 })]));
  assert.deepEqual(reasons, ["is in a Slurm job"]);
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
  const force = { force: true };
  const used = only(observation([...sshSession(300), ...tree], USED), context({}, force));
  assert.deepEqual([used.verdict, used.unforced], ["reap", "spare"]);
  const doubtful = only(observation(tree, { connections: null }), context({}, force));
  assert.equal(doubtful.verdict, "reap");
  const why = ["forced, otherwise unknown", "client unknown: sockets were not looked at"];
  assert.deepEqual(doubtful.reasons.slice(0, 2), why);
  assert.equal(only(observation(tree), context({}, force)).reasonCode, "two-sweeps", "without force as well");
});

test("a helper that only its layout names may belong to any server of its user", () => {
  const exe = "/scratch/alice/vs/extensions/ms-vscode.cpptools-1.23.6/bin/cpptools";
  const helper = leftHelper({ exe, startTime: startedAgo(30 * MINUTE) });
  const seen = observation([...sshSession(300), ...tree, helper], USED);
  assert.deepEqual(verdicts(seen), { 500: "spare", 900: "spare" });
});

test("helpers are not shielded by other helpers that stay", () => {
  const exe = "/scratch/alice/vs/extensions/ms-vscode.cpptools-1.23.6/bin/cpptools";
  const helper = leftHelper({ exe, startTime: startedAgo(30 * MINUTE) });
  const used = leftHelper({ exe, pid: 899, startTime: startedAgo(40 * MINUTE) });
  const seen = observation([used, helper], { connections: linked(fromHost(899)) });
  assert.equal(verdicts(seen)[899], "spare");
  assert.notEqual(verdicts(seen)[900], "spare");
});

test("a choice of users or processes limits what is judged, not what counts as connected", () => {
  const seen = observation([...tree, ...legacyTree(800, { uid: 2002 })]);
  const chosen = (options: Partial<JudgeOptions>) => Object.keys(verdicts(seen, context({}, options)));
  assert.deepEqual(chosen({ uids: [2002] }), ["800"]);
  assert.deepEqual(chosen({ pids: [505] }), ["500"]);
  assert.deepEqual(chosen({ pids: [4242] }), []);
  assert.deepEqual(Object.keys(verdicts({ ...seen, skipped: [2002] })), ["500"], "not read in full");
});

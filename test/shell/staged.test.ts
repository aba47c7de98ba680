import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { ageOf } from "../../src/core/observation/observation.ts";
import { keyOf } from "../../src/core/observation/process.ts";
import type { HostView } from "../../src/core/tree/host-view.ts";
import { shortestGrace } from "../../src/core/verdict/grace.ts";
import { contextFor, type Judgement, judgeView } from "../../src/core/verdict/judge.ts";
import { marksAfter } from "../../src/core/verdict/marks.ts";
import { observe } from "../../src/shell/observe.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { UPTIME } from "../helpers/proc.ts";
import { addSession, SSHD } from "../helpers/simulated-clients.ts";
import type { SimulatedHost } from "../helpers/simulated-host.ts";
import { nativeOf } from "../helpers/simulated-native.ts";
import { populate } from "../helpers/simulated-users.ts";

/** REAPER_SEED=n replays one trial; REAPER_TRIALS=n runs another number of them. */
const TRIALS = Number(process.env.REAPER_TRIALS ?? 1000);
const ONE = process.env.REAPER_SEED;
const FIRST = ONE === undefined ? (Date.now() % 1_000_000) * 10_000 : Number(ONE);
const CONTEXT = contextFor(DEFAULT_POLICY, "2026-01-01");

const GRACE = shortestGrace(DEFAULT_POLICY);

const folder = mkdtempSync(join(tmpdir(), "reaper-staged-"));
after(() => rmSync(folder, { recursive: true }));

/** A host on which many users have nothing but trees below their sessions, and odd things happen in these trees. */
function crowd(seed: number): SimulatedHost {
  const { host } = populate(seed);
  const uids = [...new Set(host.processes.map(({ process }) => process.uid))].filter(
    (uid) => uid >= 2000 && uid < 3000,
  );
  for (const uid of uids) {
    if (host.chance(0.3)) continue;
    const { child: ppid } = addSession(host, uid);
    for (const { process } of [...host.processes]) {
      const isRoot =
        process.uid === uid && process.ppid === 1 && process.exe !== SSHD && !/sshd/.test(process.exe ?? "");
      if (!isRoot || host.chance(0.03)) continue;
      host.change(process.pid, { ppid });
      const odd = host.below(40);
      if (odd === 0) host.change(process.pid, { loginUid: host.pick(uids) });
      if (odd === 1)
        host.change(process.pid, { cgroups: ["/system.slice/slurmstepd.scope/job_5/step_0/user/task_0"] });
      if (odd === 2) host.change(process.pid, { uids: [uid, uid, 0, uid] });
      if (odd === 3) host.change(process.pid, { argv: [], argvStatus: "denied" });
      if (odd === 4) host.change(process.pid, { foreignPidNs: true });
      if (odd === 5) host.change(process.pid, { argv: ["node", "--version"] });
    }
  }
  // Between trees of different users, and within one.
  const living = host.processes
    .filter(({ process }) => process.exe?.endsWith("/node"))
    .map(({ process }) => process.pid);
  if (living.length > 1)
    for (let i = host.below(3); i > 0; i--) host.join(host.pick(living), host.pick(living));
  return host;
}

/** Leaves the tags and some marks of a host in a folder of their own, as the hook and a sweep do. */
function runFolderOf(host: SimulatedHost, seed: number): string {
  const run = join(folder, String(seed));
  mkdirSync(join(run, "tags"), { recursive: true, mode: 0o700 });
  chmodSync(run, 0o700);
  // Most hosts have few tags: who has one is looked at as a whole.
  for (const tag of host.tagsAt(0))
    if (host.chance(0.3)) {
      const text = { schemaVersion: 1, bootId: "b007", ...tag, closedUptime: Math.max(0, tag.closedUptime) };
      writeFileSync(join(run, "tags", `${tag.uid}.json`), `${JSON.stringify(text)}\n`, { mode: 0o600 });
    }
  const marks = host.processes
    .filter(() => host.chance(0.02))
    .map(({ process: { pid, startTime } }) => ({ pid, startTime, seenUptime: UPTIME - 1_000_000 }));
  writeFileSync(join(run, "marks.json"), JSON.stringify({ schemaVersion: 1, bootId: "b007", marks }), {
    mode: 0o600,
  });
  return run;
}

/** All that a look decides of the trees of some users, and all that a sweep records of it. */
function outcomeOf(view: HostView, judged: readonly Judgement[]): object {
  const { observation } = view;
  const trees = judged.map(
    ({ tree, verdict, reasonCode, use, grace, endsIn, tag, withheldBy, unforced, byEvidence }) => ({
      root: keyOf(tree.root),
      members: tree.members.map(keyOf),
      product: tree.product,
      verdict,
      unforced,
      byEvidence,
      // Which of several sources is named first is of no consequence.
      reasonCode: reasonCode.startsWith("in-use-") ? "in-use" : reasonCode,
      isOwn: use?.own ?? null,
      grace: verdict === "wait" ? grace : null,
      endsIn,
      tag: tag?.closedUptime ?? null,
      withheldBy,
    }),
  );
  const used = new Set(
    judged.filter(({ use, tag }) => use?.own === true && tag !== null).map(({ tag }) => tag?.uid),
  );
  return {
    trees,
    marks: marksAfter(observation, judged, { uids: null, pids: null }),
    untagged: observation.tags.map(({ uid }) => uid).filter((uid) => used.has(uid)),
  };
}

// Without root only a user's own processes are seen, and nothing is read after all.
const skip = process.getuid?.() === 0 ? false : "root only";
test("simulated hosts: a staged look decides and records what a look at everything does", {
  skip,
}, async (t) => {
  const totals = { hosts: 0, skipped: 0, left: 0, open: 0, full: 0, unread: 0 };
  for (let seed = FIRST; seed < FIRST + (ONE === undefined ? TRIALS : 1); seed++) {
    const host = crowd(seed);
    const { catalogue } = DEFAULT_POLICY;
    const runFolder = runFolderOf(host, seed);
    const options = { catalogue, uids: null, full: false, sockets: true, runFolder, procRoot: "/proc" };
    const [whole, staged] = [nativeOf(host), nativeOf(host)];
    const everything = await observe(whole.native, options);
    const needed = await observe(staged.native, { ...options, shortestGrace: GRACE });
    rmSync(runFolder, { recursive: true });
    const replay = `replay with REAPER_SEED=${seed}`;
    const { skipped = [] } = needed.observation;
    const all = judgeView(everything, CONTEXT);
    const found = judgeView(needed, CONTEXT);
    const [left, expected] = [true, false].map((isLeft) =>
      all.filter(({ tree }) => skipped.includes(tree.uid) === isLeft),
    ) as [Judgement[], Judgement[]];
    assert.deepEqual(outcomeOf(needed, found), outcomeOf(everything, expected), replay);
    assert.deepEqual(marksAfter(everything.observation, left, { uids: null, pids: null }), [], replay);
    for (const one of left) {
      const { verdict, tree } = one;
      if (ageOf(tree.root, everything.observation) >= GRACE)
        assert.ok(["spare", "exempt"].includes(verdict), `${verdict} ${tree.root.pid}; ${replay}`);
      else assert.notEqual(verdict, "reap", `${tree.root.pid}; ${replay}`);
    }
    for (const pid of staged.asked.environments)
      assert.ok(!skipped.includes(host.processOf(pid)?.uid ?? -1), `environment of ${pid}; ${replay}`);
    totals.hosts++;
    totals.skipped += skipped.length;
    totals.left += left.length;
    totals.open += found.length;
    totals.full += needed.observation.skipped === undefined ? 1 : 0;
    totals.unread += whole.asked.processes.size - staged.asked.processes.size;
  }
  t.diagnostic(`seeds from ${FIRST}: ${JSON.stringify(totals)}`);
  if (ONE !== undefined) return;
  assert.ok(totals.left > TRIALS / 10 && totals.open > TRIALS / 2, "hardly any user was skipped, or open");
});

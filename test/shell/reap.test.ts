/** Reap on a host that the test makes up, whose tree forks faster than any look: what no real tree does on demand. */

import assert from "node:assert/strict";
import { constants } from "node:os";
import test from "node:test";
import type { Proc } from "../../src/core/observation/process.ts";
import { type HostView, viewOf } from "../../src/core/tree/host-view.ts";
import type { Native } from "../../src/shell/host/native.ts";
import { type Reaped, type ReapPorts, reap } from "../../src/shell/reap/reap.ts";
import { contextFor, judge } from "../helpers/judge.ts";
import { NO_GRACE } from "../helpers/policy.ts";
import { legacyTree, observation, proc, TICKS, UPTIME } from "../helpers/proc.ts";

const { SIGSTOP, SIGCONT, SIGKILL } = constants.signals;
const tree = legacyTree(500);
const look = observation(tree);

/** The process that the tree has forked by this look. */
const fork = (looks: number): Proc =>
  proc({ pid: 900 + looks, pgid: 501, sid: 501, startTime: (UPTIME / 1000) * TICKS + looks });

interface Ran {
  readonly reaped: Reaped;
  readonly looks: number;
  readonly signalled: (signo: number) => number[];
}

/** Ends the tree: its processes die at once, and each look shows another fork, until the storm rests or the looks fail. */
async function reapStorm({
  looksThatWork = Number.POSITIVE_INFINITY,
  restsAt = Number.POSITIVE_INFINITY,
}): Promise<Ran> {
  const signals: { readonly pid: number; readonly signo: number }[] = [];
  let looks = 0;
  const native: Partial<Native> = {
    signal: ({ pid }, _uid, signo) => {
      signals.push({ pid, signo });
      return { outcome: "sent", weak: false };
    },
    waitGone: async () => [],
  };
  const context = contextFor(NO_GRACE);
  const see = (processes: readonly Proc[]): HostView =>
    viewOf(observation(processes), context.policy.catalogue);
  const ports: ReapPorts = {
    native: native as Native,
    termWait: 0,
    killWait: 0,
    stuck: new Set(),
    stop: new AbortController().signal,
    rescan: async () => {
      looks++;
      if (looks > looksThatWork) throw new Error("no more looks");
      return see([fork(Math.min(looks, restsAt))]);
    },
    rejudge: async () => ({ view: see(tree), judgements: judge(look, context) }),
  };
  const reaped = await reap(judge(look, context), ports);
  const signalled = (signo: number): number[] =>
    signals.filter((one) => one.signo === signo).map(({ pid }) => pid);
  return { reaped, looks, signalled };
}

test("a tree that forks faster than the rounds is left after a few of them, and what lives is a survivor", async () => {
  const { reaped, looks, signalled } = await reapStorm({});
  assert.ok(looks < 30, `${looks} looks`);
  const [outcome] = reaped.outcomes;
  assert.deepEqual(
    outcome?.survivors.map(({ pid }) => pid),
    [fork(looks).pid],
  );
  assert.equal(outcome?.killed.length, tree.length + looks - 1);
  assert.ok(signalled(SIGKILL).length > 1);
});

test("nothing is killed before all that lives is stopped, for its end gives the storm room", async () => {
  const { signalled } = await reapStorm({ restsAt: 4 });
  const stopped = signalled(SIGSTOP);
  assert.deepEqual(new Set(stopped), new Set([1, 2, 3, 4].map((looks) => fork(looks).pid)));
  for (const pid of signalled(SIGKILL)) assert.ok(stopped.includes(pid), `${pid} was not stopped`);
});

for (const looksThatWork of [0, 1, 2, 5, Number.POSITIVE_INFINITY])
  test(`nothing stays stopped when ${looksThatWork} looks work`, async () => {
    const { reaped, signalled } = await reapStorm({ looksThatWork });
    const stopped = signalled(SIGSTOP);
    assert.equal(stopped.length > 0, looksThatWork > 0);
    assert.deepEqual(signalled(SIGCONT).sort(), [...new Set(stopped)].sort());
    assert.equal(reaped.faults.length > 0, Number.isFinite(looksThatWork));
  });

/** No sweep ends anything on one instant: it waits, looks again, and ends only what both looks found unused. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import type { Observation } from "../../src/core/observation/observation.ts";
import type { LogEvent } from "../../src/core/report/standard-log.ts";
import type { Native, RawSnapshot } from "../../src/shell/host/native.ts";
import type { Ports, SweepResult } from "../../src/sweep/ports.ts";
import { observeAndJudge, sweep } from "../../src/sweep/sweep.ts";
import { contextFor } from "../helpers/judge.ts";
import { NO_GRACE } from "../helpers/policy.ts";
import { fromHost, legacyTree, linked, observation, sshSession } from "../helpers/proc.ts";
import { temporaryFolder } from "../helpers/program.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
const skip = process.getuid?.() !== 0 && "needs root, who keeps states";
const tree = legacyTree(500);
const unused = observation([...sshSession(300), ...tree], { bootId: BOOT });
const used = { ...unused, connections: linked(fromHost(501)) };

interface Ran {
  readonly result: SweepResult;
  /** What was done, in order. */
  readonly acts: readonly string[];
  readonly lines: readonly string[];
  readonly states: string;
}

/** Sweeps a host that looks like this at each look; the last look's processes die by SIGTERM. */
async function ran(
  looks: readonly Observation[],
  { dryRun = false, interrupted = false }: { readonly dryRun?: boolean; readonly interrupted?: boolean } = {},
): Promise<Ran> {
  const runFolder = temporaryFolder();
  const acts: string[] = [];
  const lines: string[] = [];
  const asked = new AbortController();
  let look = -1;
  const dead = new Set<number>();
  const seen = (): Observation => looks[Math.min(Math.max(look, 0), looks.length - 1)] as Observation;
  const native: Partial<Native> = {
    snapshot: async (): Promise<RawSnapshot> => {
      // Rescans come without a look at sockets.
      if (dead.size === 0) look++;
      acts.push("look");
      const processes = seen().processes.filter(({ pid }) => !dead.has(pid));
      return { ...seen(), processes, overBudget: [] };
    },
    connections: async () => seen().connections ?? linked(),
    signal: (id, _uid, signo) => {
      acts.push(`signal ${signo}`);
      if (id.pid === 501) for (const { pid } of tree) dead.add(pid);
      return { outcome: "sent", weak: false };
    },
    waitGone: async (ids) => ids.filter(({ pid }) => !dead.has(pid)),
  };
  const ports: Ports = {
    native: native as Native,
    log: {
      write: async (events: readonly LogEvent[]) => void lines.push(...events.map(({ message }) => message)),
      trouble: () => null,
      close: () => {},
    },
    runFolder,
    wait: async (ms) => {
      acts.push(`wait ${ms}`);
      if (interrupted) asked.abort();
    },
    holdSignals: async () => void acts.push("lock"),
    stop: asked.signal,
    keepsAccount: false,
  };
  const request = { context: contextFor(NO_GRACE), dryRun, settle: 120_000, uids: null };
  const swept = await sweep(ports, request, await observeAndJudge(ports, request)).catch((error) => {
    lines.push(String(error));
    return null;
  });
  const result = swept as SweepResult;
  const file = join(runFolder, "states.json");
  return { result, acts, lines, states: existsSync(file) ? readFileSync(file, "utf8") : "" };
}

test("it waits, takes the lock, looks again, and only then signals", { skip }, async () => {
  const { acts, result, states } = await ran([unused, unused]);
  assert.deepEqual(acts.slice(0, 5), ["look", "wait 120000", "lock", "look", "signal 15"]);
  assert.equal(result.outcomes[0]?.killed.length, 6);
  assert.match(states, /"states":\[\]/, "what was ended has no state");
});

test("what is in use at the second look is spared, logged with its reason, and noted as used", {
  skip,
}, async () => {
  const { acts, result, lines, states } = await ran([unused, used]);
  assert.deepEqual(acts, ["look", "wait 120000", "lock", "look"]);
  const ends = result.outcomes.map(({ killed, spared }) => [killed.length, spared !== null]);
  assert.deepEqual(ends, [[0, true]]);
  const spared = /Spared 6 processes under pid 500 \(uid 2001\): spare: in use: host 10\.1\.2\.3/;
  assert.match(lines.join("\n"), spared);
  const [state] = (JSON.parse(states) as { states: { usedAt: number; orphanAt: null }[] }).states;
  assert.deepEqual([state?.usedAt, state?.orphanAt], [unused.uptime, null]);
});

for (const [what, second] of [
  ["in doubt", { ...unused, connections: { ...linked(), complete: false } }],
  ["exempt", observation(legacyTree(500, { cgroups: ["/system.slice/ide.service"] }), { bootId: BOOT })],
  ["gone", observation(sshSession(300), { bootId: BOOT })],
] as const)
  test(`what is ${what} at the second look is not ended`, { skip }, async () => {
    const { acts, result } = await ran([unused, second]);
    assert.deepEqual(acts, ["look", "wait 120000", "lock", "look"]);
    assert.equal(result.outcomes[0]?.killed.length, 0);
  });

test("interrupted while it waits, it takes no lock and signals nothing, and notes what both looks saw", {
  skip,
}, async () => {
  const { acts, lines, result, states } = await ran([unused, used], { interrupted: true });
  assert.deepEqual(acts, ["look", "wait 120000", "look"]);
  assert.match(lines.join("\n"), /^Interrupted: 0 processes ended, 0 left$/m);
  assert.equal(result.outcomes[0]?.killed.length, 0);
  assert.match(states, /"usedAt":36000000/);
  const still = await ran([unused, unused], { interrupted: true });
  assert.match(still.lines.join("\n"), /^Interrupted: 0 processes ended, 6 left$/m);
  assert.match(still.lines.join("\n"), /^Spared 6 processes .*: the sweep was interrupted$/m);
  assert.deepEqual([still.result.failed, still.result.outcomes[0]?.survivors], [false, []]);
  const gone = observation(sshSession(300), { bootId: BOOT });
  const later = await ran([unused, unused, gone], { interrupted: true });
  assert.deepEqual(later.result.outcomes[0]?.killed, [], "it got no signal, so no sweep ended it");
});

test("what the first look saw is noted before the wait, each process of a tree that is to end for the tree", {
  skip,
}, async () => {
  const broken = new Proxy(unused, {
    get: (target, name) => {
      if (name === "processes") throw new Error("no second look");
      return target[name as keyof Observation];
    },
  });
  const { acts, lines, states } = await ran([unused, broken]);
  assert.deepEqual(acts, ["look", "wait 120000", "lock", "look"]);
  assert.match(lines.join("\n"), /no second look/);
  const noted = (JSON.parse(states) as { states: { pid: number; orphanAt: number }[] }).states;
  const marks = noted.map(({ pid, orphanAt }) => [pid, orphanAt]).sort();
  assert.deepEqual(marks, tree.map(({ pid }) => [pid, unused.uptime]).sort());
});

test("a sweep with nothing to end, and a dry run, neither wait nor lock; a dry run notes nothing", {
  skip,
}, async () => {
  const idle = await ran([used]);
  assert.deepEqual(idle.acts, ["look"]);
  assert.match(idle.states, /"usedAt":36000000/);
  const dry = await ran([unused], { dryRun: true });
  assert.deepEqual([dry.acts, dry.states], [["look"], ""]);
  assert.match(dry.lines.join("\n"), /^Would kill 6 process/m);
});

test("a sweep that the breaker stops ends nothing, and still notes what it saw in use", {
  skip,
}, async () => {
  const other = legacyTree(800, { uid: 2002 });
  const cut = { ...linked(fromHost(501)), complete: false };
  const seen = observation([...sshSession(300), ...tree, ...other], { bootId: BOOT, connections: cut });
  const blind = { ...seen, counts: { ...seen.counts, denied: seen.counts.listed } };
  const { acts, result, states } = await ran([blind]);
  assert.deepEqual([acts, result.broken !== null], [["look"], true]);
  const { states: kept, lastSweepAt } = JSON.parse(states) as {
    states: { pid: number; usedAt: number }[];
    lastSweepAt: null;
  };
  const used = [kept.map(({ pid, usedAt }) => [pid, usedAt]), lastSweepAt];
  assert.deepEqual(used, [[[500, blind.uptime]], null]);
  const denied = { ...unused.counts, denied: unused.counts.listed };
  const stopped = await ran([{ ...unused, counts: denied }]);
  assert.deepEqual([stopped.acts, stopped.result.outcomes], [["look"], []], "not even an orphan");
  assert.ok(stopped.result.broken !== null && stopped.result.failed);
});

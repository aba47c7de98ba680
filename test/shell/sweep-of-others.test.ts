/** What a sweep does about one user's tree on account of another user: whose session drops a tag, what is a fault. */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Observation, Tag } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import { NO_ACCOUNTS } from "../../src/core/verdict/exemption.ts";
import { contextFor, judge } from "../../src/core/verdict/judge.ts";
import type { Native, RawSnapshot } from "../../src/shell/host/native.ts";
import { recordState } from "../../src/sweep/record-state.ts";
import { observeAndJudge, type Ports } from "../../src/sweep/sweep.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import {
  ALICE,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  proc,
  sshSession,
  UPTIME,
  unattributed,
} from "../helpers/proc.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
const context = contextFor(DEFAULT_POLICY, "2026-11-23");
const tree = legacyTree(500);
const [, server] = tree as [Proc, Proc];

function runFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "reaper-others-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "tags"), { mode: 0o700 });
  return folder;
}

/** A host with these processes and connections, as the addon would tell of it. */
const nativeOf = (seen: Observation): Native =>
  ({
    snapshot: async (): Promise<RawSnapshot> => ({ ...seen, overBudget: [] }),
    connections: async () => seen.connections ?? linked(),
    environNames: async () => ({ results: [], faults: [] }),
    waitGone: async (ids) => [...ids],
  }) as Partial<Native> as Native;

for (const [whose, uid, stays] of [
  ["its own user's", ALICE, false],
  ["another user's", ALICE + 1, true],
] as const)
  test(`a tree that ${whose} session uses ${stays ? "keeps" : "loses"} its tag`, async (t) => {
    const folder = runFolder(t);
    const tag: Tag = {
      uid: ALICE,
      auditSession: null,
      logindSession: null,
      closedAt: 1_700_000_000_000,
      closedUptime: UPTIME - 1000,
      remoteHost: null,
    };
    const file = join(folder, "tags", `${ALICE}.json`);
    writeFileSync(file, `${JSON.stringify({ schemaVersion: 1, bootId: BOOT, ...tag })}\n`, { mode: 0o600 });
    const seen = observation([...sshSession(300, uid, { loginUid: uid }), ...tree], {
      connections: linked(fromHost(300), fromHost(301), ...joined(301, server.pid)),
      bootId: BOOT,
      tags: [tag],
    });
    const judgements = judge(seen, context);
    assert.deepEqual(
      judgements.map(({ verdict }) => verdict),
      ["spare"],
    );
    const ports = { native: nativeOf(seen), runFolder: folder };
    assert.deepEqual(await recordState(ports, context, { observation: seen, judgements, outcomes: [] }), []);
    assert.equal(existsSync(file), stays);
  });

test("a verdict that another user's process withholds is a fault of the host, and one's own is none", {
  skip: process.getuid?.() !== 0 && "needs root, who sees all sockets",
}, async (t) => {
  const runs = runFolder(t);
  const faultsWith = async (uid: number) => {
    const hidden = proc({ uid, pid: 4760, exe: null });
    const seen = observation([...sshSession(300), hidden, ...tree], {
      connections: linked(unattributed(server.pid)),
      relaysOf: [ALICE],
    });
    const ports: Ports = {
      native: nativeOf(seen),
      log: { write: async () => {}, trouble: () => null, close: () => {} },
      runFolder: runs,
      procRoot: "/proc",
      recorders: [],
      lookUpAccounts: () => ({ accounts: NO_ACCOUNTS, faults: [] }),
    };
    const look = await observeAndJudge(ports, { context, dryRun: true, uids: null });
    assert.deepEqual(
      look.judgements.map(({ verdict }) => verdict),
      ["unknown"],
    );
    return look.faults.filter(({ what }) => what.startsWith("judge tree"));
  };
  const [fault, ...more] = await faultsWith(0);
  assert.match(`${fault?.what}: ${fault?.detail}`, /^judge tree 500 of uid 2001: .*another user \(uid 0\)/);
  assert.deepEqual([more, fault?.uid, fault?.pid], [[], undefined, undefined]);
  assert.deepEqual(await faultsWith(ALICE), []);
});

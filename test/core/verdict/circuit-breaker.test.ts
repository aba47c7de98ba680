import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connections } from "../../../src/core/observation/connections.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { breakerTrips } from "../../../src/core/verdict/circuit-breaker.ts";
import type { Judgement, Verdict } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, NO_CONNECTIONS, observation, proc, sshSession } from "../../helpers/proc.ts";

const [MONITOR, SESSION, ROOT] = [10, 11, 20];
const BOTH = [MONITOR, SESSION];

interface Case {
  readonly connections?: Partial<Connections> | null;
  readonly denied?: number;
  readonly malformed?: number;
  readonly observerUid?: number;
  readonly verdicts?: readonly Verdict[];
  readonly maxTrees?: number;
  /** All trees are one user's; else each is another's. */
  readonly ofOneUser?: boolean;
  /** The ssh server is a container's. */
  readonly contained?: boolean;
  readonly withoutSshd?: boolean;
  /** What else runs. */
  readonly others?: readonly Proc[];
  /** The ssh server's listener runs, and no user has a session. */
  readonly listenerAlone?: boolean;
}

function trips(given: Case): string | null {
  const { connections = {}, verdicts = ["unknown"], denied = 0, malformed = 0 } = given;
  const sshd = given.withoutSshd
    ? []
    : sshSession(MONITOR, ALICE, { foreignPidNs: given.contained ?? false }).slice(
        0,
        given.listenerAlone ? 1 : 2,
      );
  const seen = observation([...sshd, ...(given.others ?? [])], {
    observerUid: given.observerUid ?? 0,
    counts: { listed: 10, read: 10, gone: 0, denied, malformed, timedOut: 0 },
    connections: connections && { ...NO_CONNECTIONS, ...connections },
  });
  const judgements = verdicts.map((verdict, i) => {
    const uid = ALICE + i;
    const root = { pid: ROOT + i, uid, ...(given.ofOneUser && { account: ALICE }) } as Proc;
    return { verdict, tree: { root, uid, members: [root] } } as unknown as Judgement;
  });
  const policy = { ...DEFAULT_POLICY, maxTrees: given.maxTrees ?? null };
  return breakerTrips(viewOf(seen, policy.catalogue), judgements, policy);
}

const hidden = proc({ pid: 30, uid: 0, comm: "sshd", exe: null, exeUnreadable: "denied" });
const reap: Pick<Case, "verdicts"> = { verdicts: ["reap"] };
const established = (tcp: number, unix: number): Case => ({ connections: { established: { tcp, unix } } });
const elsewhere = (...pids: readonly number[]): Case => ({
  connections: { otherNets: [{ id: "net:[7]", onlyLoopback: true, pids }] },
});
/** The descriptors of the only tree cannot be read, for a user exceeds the budget, or without a user. */
const overBudget = (uid: number | undefined): Case => ({
  connections: { unreadable: [ROOT], faults: [{ what: "list descriptors", uid, detail: "too many" }] },
});

/** Evidence that is plausible. */
const PLAUSIBLE: readonly (readonly [what: string, given: Case])[] = [
  ["all seen, nothing to end", {}],
  ["all seen, one to end", reap],
  ["no trees, and no sockets asked for", { verdicts: [], connections: null }],
  ["most processes unreadable to a user, who expects no more", { denied: 6, observerUid: 1001 }],
  ["the descriptors of the only tree unreadable, for its user exceeds the budget", overBudget(ALICE)],
  ["those of a server under a subordinate uid of such a user", overBudget(ALICE + 1)],
  ["one of two ssh server processes in another network namespace", elsewhere(MONITOR)],
  ["no ssh server at all", { withoutSshd: true }],
  ["an ssh server that cannot be known as one, and nothing to end", { others: [hidden] }],
  [
    "a user's process that hides its executable under sshd's name, and one to end",
    { others: [{ ...hidden, uid: ALICE }], ...reap },
  ],
  [
    "a process of root's under that name whose file has too long a path, and one to end",
    { others: [{ ...hidden, exeUnreadable: "too-long" }], ...reap },
  ],
  ["only a container's ssh server, in its own network", { ...elsewhere(...BOTH, ROOT), contained: true }],
  ["one tree in another network namespace", elsewhere(ROOT)],
  ["half of the processes unreadable", { denied: 5, verdicts: [] }],
  [
    "the descriptors of one of two trees",
    { connections: { unreadable: [ROOT + 1] }, verdicts: ["unknown", "unknown"] },
  ],
  ["an incomplete list and nothing to end", { connections: { complete: false } }],
  ["sessions with unix sockets alone and one to end", { ...established(0, 1), ...reap }],
  ["sessions with TCP sockets alone and one to end", { ...established(1, 0), ...reap }],
  ["no session, no socket and one to end", { ...established(0, 0), withoutSshd: true, ...reap }],
  ["sessions with as many sockets of both kinds and one to end", { ...established(1, 1), ...reap }],
  ["a listener alone, no socket and one to end", { ...established(0, 0), listenerAlone: true, ...reap }],
  ["as many trees as the site allows", { verdicts: ["reap", "reap"], maxTrees: 2 }],
  [
    "more trees than the site allows, all of one user",
    { verdicts: Array<Verdict>(99).fill("reap"), maxTrees: 4, ofOneUser: true },
  ],
];
for (const [what, given] of PLAUSIBLE)
  test(`the circuit breaker lets pass: ${what}`, () => assert.equal(trips(given), null));

const BROKEN: readonly (readonly [what: string, says: RegExp, given: Case])[] = [
  ["most processes unreadable, no tree found", /6 of 10 processes/, { denied: 6, verdicts: [] }],
  ["the same of a user who would end one", /6 of 10/, { denied: 6, observerUid: 1001, ...reap }],
  ["another network namespace", /PrivateNetwork/, elsewhere(...BOTH, ROOT)],
  ["an unknown ssh server, one to end", /of sshd 30 could not be read/, { others: [hidden], ...reap }],
  ["no tree's descriptors", /CAP_DAC_READ_SEARCH/, { connections: { unreadable: [ROOT] } }],
  ["the same beside a fault that is no user's doing", /CAP_DAC_READ_SEARCH/, overBudget(undefined)],
  ["unreadable and malformed processes", /6 of 10 processes/, { denied: 3, malformed: 3, verdicts: [] }],
  ["no sockets asked for and one to end", /not complete \(not asked\)/, { connections: null, ...reap }],
  [
    "more trees than the site allows",
    /2 trees would be ended and maxTrees is 1/,
    { verdicts: ["reap", "spare", "reap"], maxTrees: 1 },
  ],
  ["an incomplete list and one to end", /not complete/, { connections: { complete: false }, ...reap }],
  ["sessions without sockets, one to end", /no established socket/, { ...established(0, 0), ...reap }],
];
for (const [what, says, given] of BROKEN)
  test(`the circuit breaker trips: ${what}`, () => assert.match(trips(given) ?? "", says));

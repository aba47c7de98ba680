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

const ELSEWHERE = { id: "net:[7]", onlyLoopback: true };
const NO_SOCKETS = { established: { tcp: 0, unix: 0 } };
/** The descriptors of the only tree cannot be read, for a user exceeds the budget. */
const overBudget = (uid: number): Case => ({
  connections: { unreadable: [ROOT], faults: [{ what: "list descriptors", uid, detail: "too many" }] },
});

/** Evidence that is plausible. */
const PLAUSIBLE: Readonly<Record<string, Case>> = {
  "all seen, nothing to end": {},
  "all seen, one to end": { verdicts: ["reap"] },
  "no trees, and no sockets asked for": { verdicts: [], connections: null },
  "most processes unreadable to a user, who expects no more": { denied: 6, observerUid: 1001 },
  "the descriptors of the only tree unreadable, for its user exceeds the budget": overBudget(ALICE),
  "those of a server under a subordinate uid of such a user": overBudget(ALICE + 1),
  "one of two ssh server processes in another network namespace": {
    connections: { otherNets: [{ ...ELSEWHERE, pids: [MONITOR] }] },
  },
  "no ssh server at all": { withoutSshd: true },
  "an ssh server that cannot be known as one, and nothing to end": { others: [hidden] },
  "a user's process that hides its executable under sshd's name, and one to end": {
    others: [{ ...hidden, uid: ALICE }],
    verdicts: ["reap"],
  },
  "a process of root's under that name whose file has too long a path, and one to end": {
    others: [{ ...hidden, exeUnreadable: "too-long" }],
    verdicts: ["reap"],
  },
  "only a container's ssh server, in its own network": {
    connections: { otherNets: [{ ...ELSEWHERE, pids: [...BOTH, ROOT] }] },
    contained: true,
  },
  "one tree in another network namespace": { connections: { otherNets: [{ ...ELSEWHERE, pids: [ROOT] }] } },
  "half of the processes unreadable": { denied: 5, verdicts: [] },
  "the descriptors of one of two trees": {
    connections: { unreadable: [ROOT + 1] },
    verdicts: ["unknown", "unknown"],
  },
  "an incomplete list and nothing to end": { connections: { complete: false } },
  "sessions with unix sockets alone and one to end": {
    connections: { established: { tcp: 0, unix: 1 } },
    verdicts: ["reap"],
  },
  "sessions with TCP sockets alone and one to end": {
    connections: { established: { tcp: 1, unix: 0 } },
    verdicts: ["reap"],
  },
  "no session, no socket and one to end": { connections: NO_SOCKETS, withoutSshd: true, verdicts: ["reap"] },
  "sessions with as many TCP sockets as unix sockets and one to end": {
    connections: { established: { tcp: 1, unix: 1 } },
    verdicts: ["reap"],
  },
  "a listener without a session, no socket and one to end": {
    connections: NO_SOCKETS,
    listenerAlone: true,
    verdicts: ["reap"],
  },
  "as many trees as the site allows": { verdicts: ["reap", "reap"], maxTrees: 2 },
  "more trees than the site allows, all of one user": {
    verdicts: Array<Verdict>(99).fill("reap"),
    maxTrees: 4,
    ofOneUser: true,
  },
};
for (const [what, given] of Object.entries(PLAUSIBLE))
  test(`the circuit breaker lets pass: ${what}`, () => assert.equal(trips(given), null));

const BROKEN: readonly (readonly [what: string, says: RegExp, given: Case])[] = [
  ["most processes unreadable, no tree found", /6 of 10 processes/, { denied: 6, verdicts: [] }],
  [
    "most processes unreadable to a user who would end one",
    /6 of 10/,
    { denied: 6, observerUid: 1001, verdicts: ["reap"] },
  ],
  [
    "another network namespace",
    /PrivateNetwork/,
    { connections: { otherNets: [{ ...ELSEWHERE, pids: [...BOTH, ROOT] }] } },
  ],
  [
    "an ssh server that cannot be known as one, and one to end",
    /executable of sshd 30 could not be read/,
    { others: [hidden], verdicts: ["reap"] },
  ],
  ["no tree's descriptors", /CAP_DAC_READ_SEARCH/, { connections: { unreadable: [ROOT] } }],
  [
    "unreadable and malformed processes together",
    /6 of 10 processes/,
    { denied: 3, malformed: 3, verdicts: [] },
  ],
  [
    "no sockets asked for and one to end",
    /not complete \(not asked\)/,
    { connections: null, verdicts: ["reap"] },
  ],
  [
    "more trees than the site allows",
    /2 trees would be ended and maxTrees is 1/,
    { verdicts: ["reap", "spare", "reap"], maxTrees: 1 },
  ],
  [
    "an incomplete list and one to end",
    /not complete/,
    { connections: { complete: false }, verdicts: ["reap"] },
  ],
  [
    "sessions without sockets and one to end",
    /no established socket/,
    { connections: NO_SOCKETS, verdicts: ["reap"] },
  ],
];
for (const [what, says, given] of BROKEN)
  test(`the circuit breaker trips: ${what}`, () => assert.match(trips(given) ?? "", says));

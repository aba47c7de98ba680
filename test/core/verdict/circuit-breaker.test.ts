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
    const root = { pid: ROOT + i } as Proc;
    return { verdict, tree: { root, uid: ALICE, members: [root] } } as unknown as Judgement;
  });
  const policy = { ...DEFAULT_POLICY, maxTrees: given.maxTrees ?? null };
  return breakerTrips(viewOf(seen, policy.catalogue), judgements, policy);
}

const hidden = proc({ pid: 30, uid: 0, comm: "sshd", exe: null, exeUnreadable: "denied" });

const CASES: readonly { what: string; given: Case; says: RegExp | null }[] = [
  { what: "all seen, nothing to end", given: {}, says: null },
  { what: "all seen, one to end", given: { verdicts: ["reap"] }, says: null },
  { what: "no trees, and no sockets asked for", given: { verdicts: [], connections: null }, says: null },
  {
    what: "most processes unreadable, no tree found",
    given: { denied: 6, verdicts: [] },
    says: /6 of 10 processes/,
  },
  { what: "the same to a user, who expects no more", given: { denied: 6, observerUid: 1001 }, says: null },
  {
    what: "the same to a user who would end one",
    given: { denied: 6, observerUid: 1001, verdicts: ["reap"] },
    says: /6 of 10/,
  },
  {
    what: "the descriptors of the only tree unreadable, for its user exceeds the budget",
    given: {
      connections: {
        unreadable: [ROOT],
        faults: [{ what: "list descriptors", uid: ALICE, detail: "too many" }],
      },
    },
    says: null,
  },
  {
    what: "the same, for a server under a subordinate uid of a user who exceeds the budget",
    given: {
      connections: {
        unreadable: [ROOT],
        faults: [{ what: "list descriptors", uid: ALICE + 1, detail: "too many" }],
      },
    },
    says: null,
  },
  {
    what: "another network namespace",
    given: { connections: { otherNets: [{ id: "net:[7]", pids: [...BOTH, ROOT], onlyLoopback: true }] } },
    says: /PrivateNetwork/,
  },
  {
    what: "one of two ssh server processes in another network namespace",
    given: { connections: { otherNets: [{ id: "net:[7]", pids: [MONITOR], onlyLoopback: true }] } },
    says: null,
  },
  {
    what: "no ssh server at all",
    given: { withoutSshd: true },
    says: null,
  },
  {
    what: "an ssh server that cannot be known as one, and one to end",
    given: { others: [hidden], verdicts: ["reap"] },
    says: /executable of sshd 30 could not be read/,
  },
  { what: "the same and nothing to end", given: { others: [hidden] }, says: null },
  {
    what: "a user's process that hides its executable under that name, and one to end",
    given: { others: [{ ...hidden, uid: ALICE }], verdicts: ["reap"] },
    says: null,
  },
  {
    what: "a process of root's under that name whose file has too long a path, and one to end",
    given: { others: [{ ...hidden, exeUnreadable: "too-long" }], verdicts: ["reap"] },
    says: null,
  },
  {
    what: "only a container's ssh server, in its own network",
    given: {
      connections: { otherNets: [{ id: "net:[7]", pids: [...BOTH, ROOT], onlyLoopback: true }] },
      contained: true,
    },
    says: null,
  },
  {
    what: "one tree in another network namespace",
    given: { connections: { otherNets: [{ id: "net:[7]", pids: [ROOT], onlyLoopback: true }] } },
    says: null,
  },
  {
    what: "no tree's descriptors",
    given: { connections: { unreadable: [ROOT] } },
    says: /CAP_DAC_READ_SEARCH/,
  },
  { what: "half of the processes unreadable", given: { denied: 5, verdicts: [] }, says: null },
  {
    what: "unreadable and malformed processes together",
    given: { denied: 3, malformed: 3, verdicts: [] },
    says: /6 of 10 processes/,
  },
  {
    what: "the descriptors of one of two trees",
    given: { connections: { unreadable: [ROOT + 1] }, verdicts: ["unknown", "unknown"] },
    says: null,
  },
  { what: "an incomplete list and nothing to end", given: { connections: { complete: false } }, says: null },
  {
    what: "no sockets asked for and one to end",
    given: { connections: null, verdicts: ["reap"] },
    says: /not complete \(not asked\)/,
  },
  {
    what: "sessions with unix sockets alone and one to end",
    given: { connections: { established: { tcp: 0, unix: 1 } }, verdicts: ["reap"] },
    says: null,
  },
  {
    what: "sessions with TCP sockets alone and one to end",
    given: { connections: { established: { tcp: 1, unix: 0 } }, verdicts: ["reap"] },
    says: null,
  },
  {
    what: "no session, no socket and one to end",
    given: { connections: { established: { tcp: 0, unix: 0 } }, withoutSshd: true, verdicts: ["reap"] },
    says: null,
  },
  {
    what: "sessions with as many TCP sockets as unix sockets and one to end",
    given: { connections: { established: { tcp: 1, unix: 1 } }, verdicts: ["reap"] },
    says: null,
  },
  {
    what: "a listener without a session, no socket and one to end",
    given: { connections: { established: { tcp: 0, unix: 0 } }, listenerAlone: true, verdicts: ["reap"] },
    says: null,
  },
  {
    what: "as many trees as the site allows",
    given: { verdicts: ["reap", "reap"], maxTrees: 2 },
    says: null,
  },
  {
    what: "more trees than the site allows",
    given: { verdicts: ["reap", "spare", "reap"], maxTrees: 1 },
    says: /2 trees would be ended and maxTrees is 1/,
  },
  {
    what: "an incomplete list and one to end",
    given: { connections: { complete: false }, verdicts: ["reap"] },
    says: /not complete/,
  },
  {
    what: "sessions without sockets and one to end",
    given: { connections: { established: { tcp: 0, unix: 0 } }, verdicts: ["reap"] },
    says: /no established socket/,
  },
];
for (const { what, given, says } of CASES)
  test(`the circuit breaker: ${what}`, () => {
    const why = trips(given);
    if (says === null) assert.equal(why, null);
    else assert.match(why ?? "", says);
  });

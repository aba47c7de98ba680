import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import type { Connections } from "../../../src/core/observation/connections.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { breakerTrips } from "../../../src/core/verdict/circuit-breaker.ts";
import type { Judgement, Verdict } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";

const SSHD = 10;
const ROOT = 20;

const SEEN: Connections = {
  complete: true,
  source: "netlink",
  links: [],
  unreadable: [],
  foreignNet: [],
  established: { tcp: 2, unix: 2 },
  faults: [],
};

interface Case {
  readonly connections?: Partial<Connections> | null;
  readonly denied?: number;
  readonly observerUid?: number;
  readonly verdicts?: readonly Verdict[];
  /** The ssh server is a container's. */
  readonly contained?: boolean;
}

function trips({
  connections = {},
  denied = 0,
  observerUid = 0,
  verdicts = ["unknown"],
  contained = false,
}: Case): string | null {
  const sshd = {
    pid: SSHD,
    uid: 1001,
    exe: "/usr/sbin/sshd",
    state: "S",
    threads: 1,
    foreignUserNs: false,
    foreignPidNs: contained,
  };
  const observation = {
    observerUid,
    processes: [sshd as Proc],
    counts: { listed: 10, read: 10, gone: 0, denied, malformed: 0, timedOut: 0 },
    connections: connections && { ...SEEN, ...connections },
  } as unknown as Observation;
  const root = { pid: ROOT } as Proc;
  const judgements = verdicts.map(
    (verdict) => ({ verdict, tree: { root, members: [root] } }) as unknown as Judgement,
  );
  return breakerTrips(viewOf(observation, DEFAULT_POLICY.catalogue), judgements, DEFAULT_POLICY);
}

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
    what: "another network namespace",
    given: { connections: { foreignNet: [SSHD, ROOT] } },
    says: /PrivateNetwork/,
  },
  {
    what: "only a container's ssh server, in its own network",
    given: { connections: { foreignNet: [SSHD, ROOT] }, contained: true },
    says: null,
  },
  {
    what: "one tree in another network namespace",
    given: { connections: { foreignNet: [ROOT] } },
    says: null,
  },
  {
    what: "no tree's descriptors",
    given: { connections: { unreadable: [ROOT] } },
    says: /CAP_DAC_READ_SEARCH/,
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
    const said = trips(given);
    if (says === null) assert.equal(said, null);
    else assert.match(said ?? "", says);
  });

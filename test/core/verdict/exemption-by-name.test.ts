/** Exemptions by user, group and request, and the log line for a tree that only they protect. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Keep, Observation } from "../../../src/core/observation/observation.ts";
import { mergePolicy, type Policy, parsePolicyLayer } from "../../../src/core/policy/policy.ts";
import { exemptEvents } from "../../../src/core/report/sweep-events.ts";
import { localMinute } from "../../../src/core/text/format.ts";
import type { Accounts } from "../../../src/core/verdict/exemption.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { contextFor, judge, judgeOne } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import { ALICE, accepted, joined, legacyTree, linked, observation, sshSession } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const TODAY = "2026-11-23";

const policyOf = (toml: string): Policy => {
  const { layer, errors } = parsePolicyLayer(`grace = "0s"\n${toml}`);
  assert.deepEqual(errors, []);
  return mergePolicy([layer]);
};

function only(seen: Observation, policy: Policy, accounts?: Accounts, force = false): Judgement {
  const context = contextFor(policy, { force });
  return judgeOne(seen, { ...context, ...(accounts && { accounts }) });
}

/** A request that was made for so many hours from now. */
const keep = (hours: number | null, uid = ALICE): Keep => ({
  uid,
  pid: 9,
  startTime: 9,
  until: hours === null ? null : NOW + hours * HOUR,
});

interface KeptRow {
  readonly keeps: readonly Keep[];
  /** The site's limit, and how long ago the tree was first found an orphan, in hours. */
  readonly max?: number;
  readonly marked?: number;
  /** Until when it is kept, in hours from now; null: it is not. */
  readonly until: number | "unknown" | null;
}

const keptRows: Readonly<Record<string, KeptRow>> = {
  "no request": { keeps: [], until: null },
  "another user's": { keeps: [keep(8, 2002)], until: null },
  "the longest of several": { keeps: [keep(2), keep(8), keep(4)], until: 8 },
  "longer than the limit, not an orphan yet": { keeps: [keep(48)], until: 24 },
  "longer than the limit, an orphan": { keeps: [keep(48)], marked: 1, until: 23 },
  "within the limit, an orphan": { keeps: [keep(8)], marked: 1, until: 8 },
  "an orphan for as long as the limit": { keeps: [keep(8)], marked: 24, until: null },
  "a site that refuses": { keeps: [keep(8)], max: 0, until: null },
  "a time that has passed, of a process that lives": { keeps: [keep(-1)], until: "unknown" },
  "an unreadable time": { keeps: [keep(8), keep(null)], marked: 1, until: "unknown" },
};
for (const [what, { keeps, max = 24, marked, until }] of Object.entries(keptRows))
  test(`a kept tree: ${what}`, () => {
    const tree = legacyTree(500);
    const startTime = tree[0]?.startTime ?? 0;
    const state = { pid: 500, startTime, uid: ALICE, usedAt: null, orphanAt: (48 - (marked ?? 0)) * HOUR };
    const states = marked === undefined ? [] : [state];
    const seen = observation(tree, { keeps, states, uptime: 48 * HOUR });
    const policy = policyOf(`[keep]\nmax = "${max}h"\n`);
    const time = typeof until === "number" ? ` until ${localMinute(NOW + until * HOUR)}` : "";
    // Root's forced sweep alone can lift it, by its own flag.
    for (const force of [false, true])
      if (until !== null)
        assert.deepEqual(only(seen, policy, undefined, force).reasons, [`kept by its user${time}`]);
    if (until === null) assert.equal(only(seen, policy).verdict, "reap");
  });

const thesis = '[[exempt]]\nuser = "alice"\nuntil = "2027-01-31"\nreason = "thesis"\n';
const accounts = (more: Partial<Accounts> = {}): Accounts => ({
  uidOf: { alice: ALICE },
  gidOf: {},
  groupsOf: {},
  ...more,
});

test("what a kept tree is connected to is used through it, another user's as well", () => {
  const bobs = legacyTree(800, { uid: 2002, uids: [2002, 2002, 2002, 2002], loginUid: 2002 });
  const seen = observation([...legacyTree(500), ...bobs], {
    keeps: [keep(1)],
    connections: linked(...joined(501, 801)),
  });
  const [kept, other] = judge(seen, contextFor(NO_GRACE));
  assert.equal(kept?.verdict, "exempt");
  assert.deepEqual([other?.verdict, other?.reasonCode], ["spare", "in-use-exempt-tree"]);
});

test("an orphan that an exemption alone saved is reported, with the user, the end and the reason", () => {
  const seen = observation(legacyTree(500));
  const judged = only(seen, policyOf(thesis), accounts());
  const [event, ...more] = exemptEvents(seen, [judged]);
  assert.deepEqual(more, []);
  assert.equal(event?.level, "debug");
  assert.equal(
    event?.message,
    "Left alone 6 processes under pid 500 (uid 2001): user alice is exempt until 2027-01-31: thesis",
  );
  assert.equal(event?.data?.event, "exempt");
});

test("no line where something else spares the tree as well", () => {
  const policy = policyOf(thesis);
  const used = observation([...sshSession(300), ...legacyTree(500)], {
    connections: linked(accepted(501, 301)),
  });
  const job = legacyTree(500, { cgroups: ["/system.slice/slurmstepd.scope/job_7/step_0"] });
  for (const seen of [used, observation(job)]) {
    const judged = judge(seen, { ...contextFor(policy), accounts: accounts() });
    assert.ok(judged.some(({ verdict }) => verdict === "exempt"));
    assert.deepEqual(exemptEvents(seen, judged), []);
  }
  const seen = observation(legacyTree(500));
  const forced = judge(seen, {
    ...contextFor(policy),
    accounts: accounts(),
    options: { force: true, includeJobs: false, includeExempt: true, uids: null, pids: null },
  });
  assert.deepEqual(exemptEvents(seen, forced), []);
});

test("an exemption that ended holds no more; all that it names must fit", () => {
  const seen = observation(legacyTree(500));
  assert.equal(only(seen, policyOf(thesis.replace("2027-01-31", TODAY)), accounts()).verdict, "exempt");
  assert.equal(only(seen, policyOf(thesis.replace("2027-01-31", "2026-11-22")), accounts()).verdict, "reap");
  assert.equal(only(seen, policyOf(`${thesis}product = "cursor"\n`), accounts()).verdict, "reap");
  assert.equal(only(seen, policyOf(`${thesis}product = "vscode"\n`), accounts()).verdict, "exempt");
});

interface Entry {
  readonly toml: string;
  readonly accounts?: Partial<Accounts>;
  /** Null: nothing exempts it. */
  readonly code: string | null;
}

const GROUP = '[[exempt]]\ngroup = "hpc"\n';
const FAILED = "exempt-lookup-failed";
const entries: Readonly<Record<string, Entry>> = {
  "a uid written as text": { toml: `exemptUsers = ["${ALICE}"]`, code: "exempt-entry" },
  "another uid written as text": { toml: `exemptUsers = ["20010", "200", "1"]`, code: null },
  "a login name that begins with a number": {
    toml: 'exemptUsers = ["2001a"]',
    accounts: { uidOf: { "2001a": ALICE } },
    code: "exempt-entry",
  },
  "a login name that ends with a number": {
    toml: 'exemptUsers = ["a2001"]',
    accounts: { uidOf: { a2001: ALICE } },
    code: "exempt-entry",
  },
  "a user whose name was not looked up": { toml: 'exemptUsers = ["carol"]', code: FAILED },
  "a user whose look-up failed": { toml: thesis, accounts: { uidOf: { alice: null } }, code: FAILED },
  "a group that the user is in": {
    toml: GROUP,
    accounts: { gidOf: { hpc: 50 }, groupsOf: { [ALICE]: [40, 50] } },
    code: "exempt-entry",
  },
  "a group that the user is not in": {
    toml: GROUP,
    accounts: { gidOf: { hpc: 50 }, groupsOf: { [ALICE]: [40] } },
    code: null,
  },
  "a group whose look-up failed": { toml: GROUP, accounts: { gidOf: { hpc: null } }, code: FAILED },
  "a group by number whose look-up failed, of a user whose groups are known": {
    toml: '[[exempt]]\ngroup = "5000"\n',
    accounts: { gidOf: { "5000": undefined }, groupsOf: { [ALICE]: [40] } },
    code: FAILED,
  },
  "a group that was not looked up": { toml: GROUP, accounts: { groupsOf: { [ALICE]: [40] } }, code: FAILED },
  "a group whose look-up failed, of a user whose groups are known": {
    toml: GROUP,
    accounts: { gidOf: { hpc: null }, groupsOf: { [ALICE]: [40] } },
    code: FAILED,
  },
  "a group, of a user whose groups were not looked up": {
    toml: GROUP,
    accounts: { gidOf: { hpc: 50 } },
    code: FAILED,
  },
};
for (const [what, { toml, accounts: more, code }] of Object.entries(entries))
  test(`exempt by ${what}: ${code ?? "no"}`, () => {
    const judged = only(observation(legacyTree(500)), policyOf(toml), accounts(more));
    assert.equal(judged.exemptions[0]?.code ?? null, code, judged.reasons.join());
    assert.equal(judged.verdict, code === null ? "reap" : "exempt");
  });

test("an exemption that names an account spares where no account was looked up", () => {
  for (const toml of ['exemptUsers = ["alice"]', 'exemptGroups = ["hpc"]'])
    assert.equal(only(observation(legacyTree(500)), policyOf(toml)).reasonCode, FAILED);
});

test("an exempt user whose uid cannot be looked up is known by the owner's name, and spared where that fails too", () => {
  const seen = observation(legacyTree(500));
  for (const toml of ['exemptUsers = ["alice"]\n', thesis]) {
    const verdict = (login: string | null, uid: number | null | undefined): string =>
      only(seen, policyOf(toml), accounts({ uidOf: { alice: uid }, loginOf: { [ALICE]: login } })).verdict;
    for (const uid of [null, undefined]) assert.equal(verdict("alice", uid), "exempt");
    for (const uid of [null, undefined]) assert.equal(verdict(null, uid), "exempt");
    assert.equal(verdict("bob", null), "reap", "there is no alice");
    assert.equal(
      verdict("bob", undefined),
      "exempt",
      "the look-up of alice failed, so bob may be another name",
    );
  }
});

test("whom a policy exempts is exempt under a subordinate uid as well", () => {
  const seen = observation(legacyTree(500, { uid: 300_001, account: ALICE }));
  const inStaff = accounts({ gidOf: { staff: 50 }, groupsOf: { [ALICE]: [50] } });
  for (const entry of ['user = "alice"', `user = ${ALICE}`, "user = 300001", 'group = "staff"'])
    assert.equal(only(seen, policyOf(`[[exempt]]\n${entry}\n`), inStaff).verdict, "exempt", entry);
  assert.equal(only(seen, policyOf("[[exempt]]\nuser = 2\n"), inStaff).verdict, "reap");
});

test("a login of its own that lies in another account's range of subordinate uids is exempt by its own groups", () => {
  const seen = observation(legacyTree(500, { uid: 300_001, account: ALICE }));
  const staff = policyOf('[[exempt]]\ngroup = "staff"\n');
  const groupsOf = (own: number[] | null | undefined) =>
    accounts({ gidOf: { staff: 50 }, groupsOf: { [ALICE]: [1], ...(own !== undefined && { 300001: own }) } });
  assert.equal(only(seen, staff, groupsOf([50])).reasonCode, "exempt-entry");
  assert.equal(only(seen, staff, groupsOf(null)).reasonCode, "exempt-lookup-failed");
  assert.equal(only(seen, staff, groupsOf([2])).verdict, "reap");
  assert.equal(only(seen, staff, groupsOf(undefined)).verdict, "reap", "it is no login");
});

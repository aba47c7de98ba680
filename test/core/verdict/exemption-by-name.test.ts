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
const keep = (hours: number | null, uid = ALICE): Keep => {
  const until = hours === null ? null : NOW + hours * HOUR;
  return { uid, pid: 9, startTime: 9, until };
};

/** Until when it is kept, in hours from now (null: it is not), by the site's limit and the age of the orphan in hours. */
type KeptRow = readonly [what: string, keeps: Keep[], until: number | null, max?: number, marked?: number];
const keptRows: readonly KeptRow[] = [
  ["no request", [], null],
  ["another user's", [keep(8, 2002)], null],
  ["the longest of several", [keep(2), keep(8), keep(4)], 8],
  ["longer than the limit, not an orphan yet", [keep(48)], 24],
  ["longer than the limit, an orphan", [keep(48)], 23, 24, 1],
  ["within the limit, an orphan", [keep(8)], 8, 24, 1],
  ["an orphan for as long as the limit", [keep(8)], null, 24, 24],
  ["a site that refuses", [keep(8)], null, 0],
  ["a time that has passed, of a process that lives", [keep(-1)], 24],
  ["an unreadable time", [keep(8), keep(null)], 23, 24, 1],
];
for (const [what, keeps, until, max = 24, marked] of keptRows)
  test(`a kept tree: ${what}`, () => {
    const tree = legacyTree(500);
    const startTime = tree[0]?.startTime ?? 0;
    const state = { pid: 500, startTime, uid: ALICE, usedAt: null, orphanAt: (48 - (marked ?? 0)) * HOUR };
    const states = marked === undefined ? [] : [state];
    const seen = observation(tree, { keeps, states, uptime: 48 * HOUR });
    const policy = policyOf(`[keep]\nmax = "${max}h"\n`);
    if (until === null) return assert.equal(only(seen, policy).verdict, "reap");
    // Root's forced sweep alone can lift it, by its own flag.
    const reasons = [`kept by its user until ${localMinute(NOW + until * HOUR)}`];
    for (const force of [false, true])
      assert.deepEqual(only(seen, policy, undefined, force).reasons, reasons);
  });

const thesis = '[[exempt]]\nuser = "alice"\nuntil = "2027-01-31"\nreason = "thesis"\n';
const accounts = (more: Partial<Accounts> = {}): Accounts => ({
  uidOf: { alice: ALICE },
  gidOf: {},
  groupsOf: {},
  ...more,
});

test("what a kept tree is connected to is used through it, another user's as well", () => {
  const both = [...legacyTree(500), ...legacyTree(800, { uid: 2002 })];
  const seen = observation(both, { keeps: [keep(1)], connections: linked(...joined(501, 801)) });
  const [kept, other] = judge(seen, contextFor(NO_GRACE));
  assert.equal(kept?.verdict, "exempt");
  assert.deepEqual([other?.verdict, other?.reasonCode], ["spare", "in-use-exempt-tree"]);
});

test("an orphan that an exemption alone saved is reported, with the user, the end and the reason", () => {
  const seen = observation(legacyTree(500));
  const [event, ...more] = exemptEvents(seen, [only(seen, policyOf(thesis), accounts())]);
  const says = "user alice is exempt until 2027-01-31: thesis";
  assert.equal(event?.message, `Left alone 6 processes under pid 500 (uid 2001): ${says}`);
  assert.deepEqual([event?.level, event?.data?.event, more], ["debug", "exempt", []]);
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

const GROUP = '[[exempt]]\ngroup = "hpc"\n';
const FAILED = "exempt-lookup-failed";
const EXEMPT = "exempt-entry";
const [hpc, inOthers] = [{ hpc: 50 }, { [ALICE]: [40] }];
/** The code of the exemption; null: nothing exempts it. */
const entries: readonly (readonly [what: string, code: string | null, toml: string, Partial<Accounts>?])[] = [
  ["a uid written as text", EXEMPT, `exemptUsers = ["${ALICE}"]`],
  ["another uid written as text", null, `exemptUsers = ["20010", "200", "1"]`],
  [
    "a login name that begins with a number",
    EXEMPT,
    'exemptUsers = ["2001a"]',
    { uidOf: { "2001a": ALICE } },
  ],
  ["a login name that ends with a number", EXEMPT, 'exemptUsers = ["a2001"]', { uidOf: { a2001: ALICE } }],
  ["a user whose name was not looked up", FAILED, 'exemptUsers = ["carol"]'],
  ["a user whose look-up failed", FAILED, thesis, { uidOf: { alice: null } }],
  ["a group that the user is in", EXEMPT, GROUP, { gidOf: hpc, groupsOf: { [ALICE]: [40, 50] } }],
  ["a group that the user is not in", null, GROUP, { gidOf: hpc, groupsOf: inOthers }],
  ["a group whose look-up failed", FAILED, GROUP, { gidOf: { hpc: null } }],
  [
    "a group by number whose look-up failed, of a user whose groups are known",
    FAILED,
    '[[exempt]]\ngroup = "5000"\n',
    { gidOf: { "5000": undefined }, groupsOf: inOthers },
  ],
  ["a group that was not looked up", FAILED, GROUP, { groupsOf: inOthers }],
  ["a group whose look-up alone failed", FAILED, GROUP, { gidOf: { hpc: null }, groupsOf: inOthers }],
  ["a group, of a user whose groups were not looked up", FAILED, GROUP, { gidOf: hpc }],
];
for (const [what, code, toml, more] of entries)
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
    for (const login of ["alice", null])
      for (const uid of [null, undefined]) assert.equal(verdict(login, uid), "exempt");
    assert.equal(verdict("bob", null), "reap", "there is no alice");
    assert.equal(verdict("bob", undefined), "exempt", "alice is not known, so bob may be another name");
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
  const groupsOf = (own: number[] | null | undefined, owners: number[] | null = [1]) =>
    accounts({
      gidOf: { staff: 50 },
      groupsOf: { [ALICE]: owners, ...(own !== undefined && { 300001: own }) },
    });
  assert.equal(only(seen, staff, groupsOf([50])).reasonCode, "exempt-entry");
  assert.equal(only(seen, staff, groupsOf(null)).reasonCode, "exempt-lookup-failed");
  assert.equal(only(seen, staff, groupsOf([2])).verdict, "reap");
  assert.equal(only(seen, staff, groupsOf([2], null)).reasonCode, "exempt-lookup-failed");
  assert.equal(only(seen, staff, groupsOf(undefined)).verdict, "reap", "it is no login");
});

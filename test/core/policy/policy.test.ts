import assert from "node:assert/strict";
import test from "node:test";
import { mergePolicy, parsePolicyLayer } from "../../../src/core/policy/policy.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";

const errorsOf = (toml: string): string[] =>
  parsePolicyLayer(toml).errors.map(({ line, key, message }) => `${line}: ${key}: ${message}`);

test("without a file everything has its default", () => {
  const { enforce, grace, silentAfter, settle, termWait, minUid, maxTrees, tunnels } = DEFAULT_POLICY;
  assert.deepEqual([grace, silentAfter, settle, termWait], [10_800_000, 43_200_000, 120_000, 10_000]);
  assert.deepEqual([enforce, minUid, maxTrees, tunnels], [true, undefined, null, "exempt"]);
});

test("every key is taken", () => {
  const toml = `
enforce = false
grace = "1h30m"
silentAfter = "off"
settle = "1m"
termWait = "5s"
minUid = 500
maxTrees = 20
tunnels = "reap"
webServers = "reap"
exemptUsers = ["alice", 1002]
exemptGroups = ["staff"]
[graceByProduct]
cursor = "2h"
[catalogue]
sshd = ["my-sshd"]
directories = [{ product = "house", directory = ".house" }]
[[catalogue.patterns]]
product = "x"
exe = "/opt/**/x"
[[exempt]]
user = "bob"
until = 2027-01-31
reason = "thesis"
[[exempt]]
product = "zed"
`;
  const { layer, errors } = parsePolicyLayer(toml);
  assert.deepEqual(errors, []);
  const policy = mergePolicy([layer]);
  assert.equal(policy.grace, 5_400_000);
  assert.deepEqual(policy.graceByProduct, { cursor: 7_200_000 });
  assert.equal(policy.exempt[0]?.until, "2027-01-31");
  const [pattern] = policy.catalogue.patterns;
  assert.deepEqual([pattern?.product, pattern?.argv, pattern?.fits.test("/opt/a/x")], ["x", [], true]);
  assert.equal(policy.maxTrees, 20);
});

const mistakes: readonly (readonly [toml: string, says: RegExp])[] = [
  ['\ngracee = "10m"', /^2: gracee: unknown key; did you mean "grace"\?$/],
  ["[cluster]", /^1: cluster: unknown key; remove the table: an orphan waits for its grace on each node/],
  ["[mail]\nenabled = true", /^1: mail: unknown key; use \[hooks\] notify with a program such as/],
  ['[hooks]\nveto = "/x"', /^2: hooks\.veto: unknown key; use \[\[exempt\]\] with `until`, or stop the/],
  ['[[exempt]]\nnetgroup = "x"', /^2: exempt #1\.netgroup: unknown key; use `group`/],
  ["zebra = 1", /^1: zebra: unknown key; the keys are enforce, grace,/],
  ['enforce = true\n\ngrace = "ten"', /^3: grace: must be a duration such as "90s", "10m"/],
  ["grace = 10", /^1: grace: must be a duration/],
  ['[graceByProduct]\ncursor = "1x"', /^2: graceByProduct.cursor: must be a duration/],
  ['silentAfter = "never"', /^1: silentAfter: must be a duration .*, or "off"$/],
  ["minUid = 0", /^1: minUid: must be a whole number of at least 1/],
  ["maxTrees = 1.5", /^1: maxTrees: must be a whole number/],
  ["enforce = 1", /^1: enforce: must be true or false/],
  ['exemptUsers = "alice"', /^1: exemptUsers: must be a list/],
  ['[[exempt]]\nuser = "a"\n[[exempt]]\nuser = "b"\nuntil = "soon"', /^5: exempt #2.until: must be a date/],
  ['[[exempt]]\nusr = "a"', /^2: exempt #1.usr: unknown key; did you mean "user"\?/],
  ['[[exempt]]\nreason = "?"', /^\d: exempt #1: names no user, group or product$/],
  ['[catalogue]\nsshdd = ["x"]', /^2: catalogue.sshdd: unknown key; did you mean "sshd"\?/],
  ["grace = ", /^1: : not TOML: /],
  ['grace = "1m"\ngrace = "2m"', /^2: : not TOML: /],
];

for (const [toml, says] of mistakes)
  test(`a mistake is named with its line: ${toml.replaceAll("\n", " / ")}`, () => {
    const errors = errorsOf(toml);
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0] ?? "", says);
  });

test("a later file wins key by key, also within a table, and exemptions add up", () => {
  const files = [
    'grace = "1m"\nexemptUsers = ["a"]\n[agents]\npolicy = "exempt"\ngrace = "1m"',
    'exemptUsers = ["b"]\n[agents]\ngrace = "3m"',
    'grace = "2m"',
  ];
  const policy = mergePolicy(files.map((toml) => parsePolicyLayer(toml).layer));
  assert.equal(policy.grace, 120_000);
  assert.deepEqual([policy.agents.policy, policy.agents.grace], ["exempt", 180_000]);
  assert.deepEqual(policy.exemptUsers, ["a", "b"]);
});

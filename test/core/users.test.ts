/** What users are told and may ask for: requests to keep, notices, mail, exemptions by name. */

import assert from "node:assert/strict";
import test from "node:test";
import {
  BUILT_IN_TEMPLATE,
  formatSpooled,
  type Mail,
  mailTo,
  parseSpooled,
} from "../../src/core/notify/mail.ts";
import {
  addNotices,
  noticeFile,
  noticeLines,
  parseNotices,
  siteLines,
} from "../../src/core/notify/notice.ts";
import type { Observation } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import { parseSaved } from "../../src/core/observation/snapshot-file.ts";
import { type KeepEntry, keepLine, readKeep, whyNotOwners } from "../../src/core/policy/keep-request.ts";
import { mergePolicy, type Policy, parsePolicyLayer } from "../../src/core/policy/policy.ts";
import type { Outcome } from "../../src/core/reap/outcome.ts";
import { exemptEvents } from "../../src/core/report/sweep-events.ts";
import { localMinute } from "../../src/core/text/format.ts";
import { programsInTerminals } from "../../src/core/tree/terminal-programs.ts";
import type { Accounts } from "../../src/core/verdict/exemption.ts";
import { contextFor, type Judgement, judge } from "../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { ALICE, legacyTree, linked, observation, proc, sshSession, tcp } from "../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const TODAY = "2026-11-23";

const policyOf = (toml: string): Policy => {
  const { layer, errors } = parsePolicyLayer(toml);
  assert.deepEqual(errors, []);
  return mergePolicy([layer]);
};

function only(seen: Observation, policy: Policy, accounts?: Accounts, force = false): Judgement {
  const context = contextFor(policy, TODAY);
  const options = { ...context.options, force };
  const judged = judge(seen, { ...context, options, ...(accounts && { accounts }) });
  assert.equal(judged.length, 1);
  return judged[0] as Judgement;
}

const entry = (init: Partial<KeepEntry> = {}): KeepEntry => ({
  name: String(ALICE),
  kind: "file",
  owner: ALICE,
  links: 1,
  size: 24,
  ctime: NOW - HOUR,
  text: keepLine(ALICE, NOW + HOUR),
  ...init,
});
const until = (init: Partial<KeepEntry>, max = 24 * HOUR): number | null | undefined => {
  const answer = readKeep(entry(init), NOW, max);
  return "fault" in answer ? undefined : (answer.keep?.until ?? null);
};

test("a request holds until its time, and no longer than the site allows from its last change", () => {
  assert.equal(until({}), NOW + HOUR);
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR) }), NOW + 23 * HOUR);
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR), ctime: NOW - 25 * HOUR }), null);
  assert.equal(until({ text: keepLine(ALICE, NOW - 1) }), null);
  assert.equal(until({ text: keepLine(ALICE, NOW) }), null);
  assert.equal(until({}, HOUR / 2), null);
  // A change that is yet to come, by a clock set back, gives no more than one of now.
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR), ctime: NOW + 50 * HOUR }), NOW + 24 * HOUR);
  assert.equal(until({ size: 0, text: "" }), null);
});

for (const [what, init, fault] of [
  ["another user's file", { owner: 2002 }, /belongs to uid 2002/],
  ["root's file", { owner: 0 }, /belongs to uid 0/],
  ["a name that is no uid", { name: "alice" }, /belongs to uid 2001/],
  ["a uid written otherwise", { name: "02001" }, /belongs/],
  ["a symlink", { kind: "link" }, /no regular file/],
  ["a FIFO", { kind: "other" }, /no regular file/],
  ["a folder", { kind: "folder" }, /no regular file/],
  ["a second name", { links: 2 }, /more than one name/],
  ["a huge file", { size: 1e9 }, /longer than 128 bytes/],
  ["another user's uid in it", { text: keepLine(2002, NOW + HOUR) }, /speaks for uid 2002/],
  ["no line of its kind", { text: "keep me\n" }, /is no line/],
  ["two lines", { text: keepLine(ALICE, NOW + HOUR).repeat(2) }, /is no line/],
  ["a time with a sign", { text: `keep ${ALICE} -1\n` }, /is no line/],
  ["a time as 1e99", { text: `keep ${ALICE} 1e99\n` }, /is no line/],
  ["a file that nobody read", { text: null }, /is no line/],
] as const)
  test(`no request: ${what}`, () => {
    const answer = readKeep(entry(init), NOW, 24 * HOUR);
    assert.ok("fault" in answer);
    assert.match(answer.fault, fault);
  });

test("who bears another's name is removed, who bears their own is not", () => {
  assert.equal(whyNotOwners({ name: "2001", owner: 2001 }), null);
  for (const name of ["2002", "x", "02001", "2001 ", ".2001", "-1", ""])
    assert.notEqual(whyNotOwners({ name, owner: 2001 }), null, name);
});

test("a kept tree is exempt, whoever is connected, and only root's forced sweep can lift it", () => {
  const tree = legacyTree(500);
  const keeps = [{ uid: ALICE, until: NOW + HOUR }];
  const kept = only(observation(tree, { keeps }), DEFAULT_POLICY);
  assert.equal(kept.verdict, "exempt");
  assert.deepEqual(kept.reasons, [`kept by its user until ${localMinute(NOW + HOUR)}`]);
  assert.equal(only(observation(tree, { keeps }), DEFAULT_POLICY, undefined, true).verdict, "exempt");
  const others = only(observation(tree, { keeps: [{ uid: 2002, until: NOW + HOUR }] }), DEFAULT_POLICY);
  assert.equal(others.verdict, "reap");
  const over = only(observation(tree, { keeps: [{ uid: ALICE, until: NOW }] }), DEFAULT_POLICY);
  assert.equal(over.verdict, "reap");
});

test("a request that could not be read spares", () => {
  const unread = only(observation(legacyTree(500), { keeps: [{ uid: ALICE, until: null }] }), DEFAULT_POLICY);
  assert.equal(unread.verdict, "exempt");
  assert.match(unread.reasons.join(), /could not be read/);
});

test("a saved observation keeps its requests, one from before there were any has none", () => {
  const seen = observation(legacyTree(500), { keeps: [{ uid: ALICE, until: NOW + HOUR }] });
  const again = parseSaved(JSON.stringify(seen));
  assert.ok("observation" in again);
  assert.deepEqual(again.observation.keeps, seen.keeps);
  const { keeps: _, ...old } = seen;
  const before = parseSaved(JSON.stringify(old));
  assert.ok("observation" in before);
  assert.deepEqual(before.observation.keeps, []);
});

const thesis = '[[exempt]]\nuser = "alice"\nuntil = "2027-01-31"\nreason = "thesis"\n';
const accounts = (more: Partial<Accounts> = {}): Accounts => ({
  uidOf: { alice: ALICE },
  gidOf: {},
  groupsOf: {},
  ...more,
});

test("an orphan that an exemption alone saved is told, with who, until when and why", () => {
  const seen = observation(legacyTree(500));
  const judged = only(seen, policyOf(thesis), accounts());
  const [event, ...more] = exemptEvents(seen, [judged]);
  assert.deepEqual(more, []);
  assert.equal(event?.level, "debug");
  assert.equal(
    event?.message,
    "Left alone 6 process(es) under pid 500 (uid 2001): user alice is exempt until 2027-01-31: thesis",
  );
  assert.equal(event?.data?.event, "exempt");
});

test("no line where something else spares the tree as well", () => {
  const policy = policyOf(thesis);
  const used = observation([...sshSession(300), ...legacyTree(500)], { connections: linked(tcp(501, 301)) });
  const job = legacyTree(500, { cgroups: ["/system.slice/slurmstepd.scope/job_7/step_0"] });
  const young = legacyTree(500, { startTime: 3_599_000 });
  for (const seen of [used, observation(job), observation(young)]) {
    const judged = judge(seen, { ...contextFor(policy, TODAY), accounts: accounts() });
    assert.ok(judged.some(({ verdict }) => verdict === "exempt"));
    assert.deepEqual(exemptEvents(seen, judged), []);
  }
  const seen = observation(legacyTree(500));
  const forced = judge(seen, {
    ...contextFor(policy, TODAY),
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

test("netgroup: exact names, an empty field is everybody, a failed look-up spares", () => {
  const seen = observation(legacyTree(500));
  const policy = policyOf('[[exempt]]\nnetgroup = "hpc-staff"\n');
  const verdict = (netgroups: Accounts["netgroups"], loginOf: Accounts["loginOf"]): string =>
    only(seen, policy, accounts({ netgroups, loginOf })).verdict;
  const named = { [ALICE]: "alice" };
  assert.equal(verdict({ "hpc-staff": ["bob", "alice"] }, named), "exempt");
  assert.equal(verdict({ "hpc-staff": ["alic", "alicea", "Alice", "bob"] }, named), "reap");
  assert.equal(verdict({ "hpc-staff": [] }, named), "reap");
  assert.equal(verdict({ "hpc-staff": ["bob", ""] }, named), "exempt");
  assert.equal(verdict({ "hpc-staff": null }, named), "exempt");
  assert.equal(verdict({ "hpc-staff": ["bob"] }, { [ALICE]: null }), "exempt");
  const judged = only(seen, policy, accounts({ netgroups: { "hpc-staff": ["alice"] }, loginOf: named }));
  assert.deepEqual(judged.reasons, ["netgroup hpc-staff is exempt"]);
});

test("an exempt user whose uid cannot be looked up is known by the owner's name, and spared where that fails too", () => {
  const seen = observation(legacyTree(500));
  for (const toml of ['exemptUsers = ["alice"]\n', thesis]) {
    const verdict = (loginOf: Accounts["loginOf"]): string =>
      only(seen, policyOf(toml), accounts({ uidOf: { alice: null }, loginOf })).verdict;
    assert.equal(verdict({ [ALICE]: "alice" }), "exempt");
    assert.equal(verdict({ [ALICE]: "bob" }), "reap");
    assert.equal(verdict({ [ALICE]: null }), "exempt");
  }
});

test("an exemption must name somebody or something", () => {
  assert.match(parsePolicyLayer('[[exempt]]\nreason = "x"\n').errors[0]?.message ?? "", /netgroup/);
});

const ESC = String.fromCharCode(27);

function outcome(processes: readonly Proc[], more: Partial<Outcome> = {}): Outcome {
  const judgement = only(observation(processes), DEFAULT_POLICY);
  return { judgement, killed: judgement.tree.members, survivors: [], spared: null, ...more };
}

/** A tree whose terminal runs these. */
function withTerminals(...names: readonly string[]): Proc[] {
  const tree = legacyTree(500);
  const shell = { ...(tree[5] as Proc), tty: 34816, comm: "bash" };
  const programs = names.map((comm, i) => proc({ pid: 600 + i, ppid: 505, tty: 34816, comm }));
  return [...tree.slice(0, 5), shell, ...programs];
}

test("a notice says what ended, when, why, how much it freed and what it held", () => {
  const lines = noticeLines(outcome(withTerminals("python3", "make", "make")), "login1", NOW);
  assert.deepEqual(lines, [
    `Your vscode server on login1 was ended at ${localMinute(NOW)}: 9 process(es), 9 MiB.`,
    "  Why: orphaned: nobody is connected, no tag, started 59m55s ago, grace 10m",
    "  In its terminals: bash, make, python3",
  ]);
  const freed = { kib: 2048, by: "pss" } as const;
  const judged = outcome(legacyTree(500));
  const part = { ...judged, freed, survivors: judged.killed.slice(0, 2), killed: judged.killed.slice(2) };
  assert.match(
    noticeLines(part, "login1", NOW)[0] ?? "",
    /: 4 process\(es\), 2 MiB; 2 could not be ended\.$/,
  );
});

test("what a user calls their programs cannot act on their terminal, forge a line or fill it", () => {
  const names = [`${ESC}[2J`, "a\n> 99999999999", "x\u202eevil", "API_TOKEN=hunter2", "y".repeat(9999)];
  const tree = withTerminals(...names, ...Array.from({ length: 60 }, (_, i) => `p${i}`));
  const hostile = outcome(tree);
  const lines = noticeLines(hostile, "login1", NOW);
  assert.equal(lines.length, 3);
  for (const line of lines) {
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.ok(Array.from(line).length <= 240);
  }
  assert.doesNotMatch(lines.join(), /hunter2/);
  const file = noticeFile(
    "login1",
    [{ id: 7, lines }],
    siteLines({ ...DEFAULT_POLICY.notice, text: "a\nb" }),
  );
  assert.deepEqual(parseNotices(file), [{ id: 7, lines }]);
  assert.equal(programsInTerminals(hostile.judgement.tree).length, 32);
});

test("notices wait in order, each later one with a greater number, and not for ever", () => {
  const DAY = 24 * HOUR;
  const SECONDS = NOW / 1000;
  const first = addNotices([], [["a"], ["b"]], NOW, 14);
  assert.deepEqual(
    first.map(({ id }) => id),
    [SECONDS, SECONDS + 1],
  );
  // The clock was set back: the new one still comes after those that were shown.
  const next = addNotices(first, [["c"]], NOW - DAY, 14);
  assert.deepEqual(
    next.map(({ id }) => id),
    [SECONDS, SECONDS + 1, SECONDS + 2],
  );
  assert.deepEqual(
    addNotices(first, [["d"]], NOW + 15 * DAY, 14).map(({ lines }) => lines[0]),
    ["d"],
  );
  const many = addNotices(
    [],
    Array.from({ length: 50 }, (_, i) => [String(i)]),
    NOW,
    14,
  );
  assert.equal(many.length, 20);
  assert.deepEqual(many.at(-1), { id: SECONDS + 49, lines: ["49"] });
});

test("a file of another form holds no notices", () => {
  for (const text of ["", "x", "vscode-grim-reaper notices 2 h\n> 1\n| a\n", "| a\n"])
    assert.deepEqual(parseNotices(text), []);
});

const mail = (user: string, policy: Policy, template = BUILT_IN_TEMPLATE): Mail | { error: string } =>
  mailTo(
    user,
    "login1",
    [["first"], ["second", "  why"]],
    policy,
    template,
    "Tue, 24 Nov 2026 02:48:06 +0000",
  );

function sent(user: string, toml: string, template?: string): { headers: string; body: string; mail: Mail } {
  const made = mail(user, policyOf(toml), template);
  assert.ok("message" in made, JSON.stringify(made));
  const at = made.message.indexOf("\n\n");
  return { headers: made.message.slice(0, at), body: made.message.slice(at + 2), mail: made };
}

test("a mail has one recipient, its headers, and a body from the template", () => {
  const toml =
    '[mail]\nto = "%u@example.org"\nfrom = "hpc@example.org"\nsubject = "On %h"\n[notice]\ntext = "Ask us."\nurl = "https://hpc.example.org/x?a=%r"\n';
  const { headers, body, mail: made } = sent("alice", toml);
  assert.equal(made.to, "alice@example.org");
  assert.equal(made.from, "hpc@example.org");
  assert.deepEqual(headers.split("\n").slice(0, 4), [
    "From: hpc@example.org",
    "To: alice@example.org",
    "Subject: On login1",
    "Date: Tue, 24 Nov 2026 02:48:06 +0000",
  ]);
  assert.equal(
    body,
    "Hello alice,\n\nfirst\n\nsecond\n  why\n\nAsk us.\nhttps://hpc.example.org/x?a=%r\n-- \nvscode-grim-reaper on login1\n",
  );
  assert.equal(sent("alice", toml, "%u %h 100%% %x %").body, "alice login1 100% %x %\n");
});

for (const user of [
  "alice\nBcc: eve@example.org",
  "alice,eve",
  "alice eve",
  "-oQ/tmp/x",
  "alice@x@y",
  "<alice>",
  '"a b"',
  "|sh",
  "/tmp/x",
  "",
])
  test(`no recipient: a user named ${JSON.stringify(user)}`, () => {
    for (const to of ["%u", "%u@example.org"]) {
      const made = mail(user, policyOf(`[mail]\nto = "${to}"\n`));
      assert.ok("error" in made, JSON.stringify(made));
      assert.doesNotMatch(made.error, /\n/);
    }
  });

test("a user's name adds no header, wherever it stands", () => {
  const toml = '[mail]\nto = "all@example.org"\nsubject = "%u"\n';
  const { headers, body } = sent("alice\r\nBcc: eve@example.org\n\nbody", toml, "%u\n");
  assert.doesNotMatch(headers, /^Bcc/m);
  assert.equal(headers.split("\n").length, 8);
  assert.equal(body, "alice\\r\\nBcc: eve@example.org\\n\\nbody\n");
});

test("a subject with other letters is encoded, in words of bearable length", () => {
  const { headers } = sent("alice", `[mail]\nsubject = "${"Ihr Server wurde beendet: Grüße ".repeat(4)}"\n`);
  const subject = /^Subject: (.*(?:\n .*)*)$/m.exec(headers)?.[1] ?? "";
  const words = subject.split("\n ");
  assert.ok(words.length > 1);
  for (const word of words) assert.ok(word.length <= 75, word);
  const text = words.map((word) => /^=\?UTF-8\?B\?(.*)\?=$/.exec(word)?.[1] ?? "");
  assert.equal(
    text.map((one) => Buffer.from(one, "base64").toString()).join(""),
    "Ihr Server wurde beendet: Grüße ".repeat(4),
  );
});

for (const bad of [
  'subject = "a\\nBcc: x"',
  'from = "a\\nb"',
  'to = "a b"',
  'to = "-x"',
  'template = "x"',
  'to = "a,b"',
])
  test(`no mail setting: ${bad}`, () => {
    assert.notDeepEqual(parsePolicyLayer(`[mail]\n${bad}\n`).errors, []);
  });

test("no line of a mail is longer than mail allows", () => {
  const { body } = sent("alice", "", `${"ü".repeat(5000)}\n`);
  for (const line of body.split("\n")) assert.ok(Buffer.byteLength(line) <= 998);
  assert.equal(body.replaceAll("\n", ""), "ü".repeat(5000));
});

test("a formatSpooled mail comes back as it went, and nothing else is taken for one", () => {
  const { mail: made } = sent("alice", "");
  assert.deepEqual(parseSpooled(formatSpooled(made)), made);
  const forged = [
    "",
    "null\nx",
    "[]\nx",
    '{"schemaVersion":1,"to":"-bs","from":"root"}\nx',
    '{"schemaVersion":1,"to":"a b","from":"root"}\nx',
    '{"schemaVersion":1,"to":"a"}\nx',
    '{"schemaVersion":2,"to":"a","from":"root"}\nx',
  ];
  for (const text of forged) assert.equal(parseSpooled(text), null, text);
});

/** Mail: its recipient, headers and body, from templates and hostile names. */

import assert from "node:assert/strict";
import test from "node:test";
import {
  BUILT_IN_TEMPLATE,
  formatSpooled,
  type Mail,
  mailTo,
  parseSpooled,
} from "../../../src/core/notify/mail.ts";
import { mergePolicy, type Policy, parsePolicyLayer } from "../../../src/core/policy/policy.ts";

const policyOf = (toml: string): Policy => {
  const { layer, errors } = parsePolicyLayer(toml);
  assert.deepEqual(errors, []);
  return mergePolicy([layer]);
};

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
  test(`not a recipient: a user named ${JSON.stringify(user)}`, () => {
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

// The examples for the site's own programs, with the addresses and tools of a test in their place.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();
const tree = {
  schemaVersion: 1,
  event: "failed",
  host: "login1",
  user: 'alice","event":"failed',
  product: "vscode",
  memoryKiB: 2048,
  costs: { processes: 12 },
};

/** Runs an example whose text was changed, with a tree on standard input. */
function run(name: string, changes: Readonly<Record<string, string>>, event: string, more = {}) {
  let text = readFileSync(join("packaging/hooks", name), "utf8");
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), `${name} has no ${from}`);
    text = text.replace(from, to);
  }
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  const { status, stdout, stderr } = spawnSync(file, {
    input: `${JSON.stringify({ ...tree, event, ...more })}\n`,
    encoding: "utf8",
    env: { LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  return { status, stdout, stderr };
}

function tool(name: string, text: string): string {
  const file = join(folder, `tool-${name}`);
  writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return file;
}

describe("the examples for the site's programs", () => {
  test("notify-mail writes to the user of a tree that was ended, and to no name that is not plain", () => {
    const out = join(folder, "mail");
    const changes = { "/usr/sbin/sendmail": tool("mailer", `echo "$@" >${out}; cat >>${out}`) };
    const named = (user: string) => ({ user, time: "2026-11-24T02:48:06Z", reasons: ["no client", "x"] });
    assert.equal(run("notify-mail", changes, "failed", named("alice")).status, 0);
    for (const user of [tree.user, "2001", "-oQ/tmp", "a b", "a@b", "", "al\nBcc: x", 'x","user":"bob'])
      assert.equal(run("notify-mail", changes, "ended", named(user)).status, 0);
    assert.ok(!existsSync(out), "nothing to tell, or nobody to tell it to");
    assert.equal(run("notify-mail", changes, "ended", named("alice")).status, 0);
    const [args, ...mail] = readFileSync(out, "utf8").split("\n");
    assert.equal(args, "-oi -f root -- alice@example.org");
    assert.deepEqual(mail.slice(0, 3), [
      "From: root",
      "To: alice@example.org",
      "Subject: Your editor's server on login1 was ended",
    ]);
    const body = mail.slice(mail.indexOf("") + 1).join("\n");
    assert.match(body, /^Hello alice,\n\nyour vscode server on login1 was ended at 2026-11-24T02:48:06Z\./);
    assert.match(body, /^Why: no client$/m);
  });

  test("notify-ticket writes a ticket for what failed, and no user's name makes one", () => {
    const out = join(folder, "ticket");
    const changes = { "/usr/sbin/sendmail": tool("sendmail", `echo "$@" >${out}; cat >>${out}`) };
    assert.equal(run("notify-ticket", changes, "ended").status, 0);
    assert.ok(!existsSync(out), "this tree was ended");
    assert.equal(run("notify-ticket", changes, "failed").status, 0);
    const said = readFileSync(out, "utf8");
    assert.match(
      said,
      /^-oi -- tickets@example\.org\nTo: tickets@example\.org\nSubject: .*\n\n\{"schemaVersion":1,/,
    );
  });

  const skip = existsSync("/usr/bin/jq") ? false : "jq is not installed";
  test("notify-chat posts a message", { skip }, () => {
    const out = join(folder, "chat");
    writeFileSync(join(folder, "url"), "https://chat.example.org/hook\n");
    const changes = {
      "/etc/vscode-grim-reaper/chat-url": join(folder, "url"),
      "curl --fail": `${tool("curl", `echo "$@" >${out}; cat >>${out}`)} --fail`,
    };
    assert.equal(run("notify-chat", changes, "ended").status, 0);
    const [args = "", body = ""] = readFileSync(out, "utf8").split("\n");
    assert.match(args, / -- https:\/\/chat\.example\.org\/hook$/);
    const { text } = JSON.parse(body) as { text: string };
    assert.match(text, /^login1: vscode server of alice.* ended, 12 processes, 2 MiB$/);
  });
});

// The product on a host whose kernel enforces SELinux: a real sshd, a real logout, the sweep from its unit. Each test boots
// one machine under qemu, without KVM. The policy is Debian's, which gives sshd's domain less than RHEL's does; what RHEL's
// own policies say is in policy.test.ts.
import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { type Answers, buildDeb, denialsIn, runMachine, whyNoMachine } from "./machine.ts";

const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";
const RUN = "/run/vscode-grim-reaper";
const HOOK_DOMAIN = "vscode_grim_reaper_hook_t";
const LOG_TYPE = "vscode_grim_reaper_log_t";
const RUN_TYPE = "vscode_grim_reaper_var_run_t";
/** Each transition of a domain asks for these and goes on without them; a policy hides the denials by dontaudit rules. */
const INHERITED = ["noatsecure", "rlimitinh", "siginh"];

const reason = whyNoMachine();
let deb = "";

/** With CI=true a machine that cannot be run is a failure, for a skip would go unseen. */
function canRun(t: TestContext): boolean {
  if (reason === null) return true;
  if (process.env.CI === "true") assert.fail(reason);
  t.skip(reason);
  return false;
}

function serverOf(answers: Answers): number {
  const pid = Number(/^server (\d+)$/m.exec(answers.section("login"))?.[1]);
  assert.ok(pid > 0, answers.section("login"));
  return pid;
}

const taggedUids = (answers: Answers): number[] =>
  answers
    .section("tags")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { uid: number }).uid);

/** The sweep of the unit ended the tree that the logout left. */
function checkSweep(answers: Answers): void {
  assert.match(answers.section("sweep"), /^Result=success$/m, answers.section("sweep-journal"));
  const killed = new RegExp(`Killed 1 process\\(es\\) under pid ${serverOf(answers)} \\(uid 2001\\)`);
  assert.match(answers.section("sweep"), killed);
  assert.equal(answers.section("server"), "none");
}

/** logrotate's own unit rotated log and ledger twice, and each file has the type of its folder. */
function checkRotation(answers: Answers, type: string): void {
  const [first, second, ...labels] = answers.section("rotation").split("\n");
  assert.deepEqual([first, second], ["Result=success", "Result=success"]);
  assert.equal(labels.length, 6, labels.join("\n"));
  for (const label of labels) assert.match(label, new RegExp(`^/var/log/\\S+ \\S+:${type}:`));
  assert.match(answers.section("doctor-rotated"), /^ok +rotation +logrotate rotates \S+sweep\.log, /m);
}

describe("a host that enforces SELinux", { concurrency: 1 }, () => {
  before(async () => {
    if (reason === null) deb = await buildDeb();
  });

  it("with the policy module: tag, hook in its own domain, sweep from its unit, no denial", async (t) => {
    if (!canRun(t)) return;
    const answers = await runMachine(deb, { module: true, proof: true });
    assert.equal(answers.section("mode"), "Enforcing");
    assert.match(answers.section("modules"), /vscode-grim-reaper/);
    const labels = answers.section("labels");
    assert.match(labels, new RegExp(`^${HOOK} \\S+:vscode_grim_reaper_hook_exec_t:`, "m"));
    assert.match(labels, new RegExp(`^${RUN} \\S+:${RUN_TYPE}:`, "m"));
    assert.match(labels, new RegExp(`^${RUN}/tags \\S+:${RUN_TYPE}:`, "m"));
    assert.match(labels, new RegExp(`^/var/log/vscode-grim-reaper \\S+:${LOG_TYPE}:`, "m"));
    assert.match(labels, /^\/usr\/sbin\/vscode-grim-reaper \S+:bin_t:/m);

    assert.deepEqual(taggedUids(answers), [2001]);
    assert.match(answers.section("tag-labels"), new RegExp(`:${RUN_TYPE}:`));
    assert.match(answers.section("domains"), new RegExp(`^${HOOK} \\S+:${HOOK_DOMAIN}:`, "m"));
    assert.equal(answers.section("counts"), "", "no fault");
    assert.match(
      answers.section("syslog"),
      /^session-close: uid 2001: session \S+ from 127\.0\.0\.1 closed; /,
    );
    assert.doesNotMatch(answers.section("syslog"), /errno/);

    const ours = denialsIn(answers).filter(
      ({ comm, source, target, permissions }) =>
        [comm, source, target].some((text) => /reaper|session-close/.test(text)) &&
        !permissions.every((permission) => INHERITED.includes(permission)),
    );
    const lines = ours.map(({ line }) => line);
    assert.deepEqual(lines, []);
    checkSweep(answers);
    checkRotation(answers, LOG_TYPE);
    const keep = answers.section("keep");
    assert.match(keep, /Your servers on \S+ are left alone until/);
    assert.match(keep, /^user_u:\S+ +bob +\/usr\/libexec\/vscode-grim-reaper\/keep 7200$/m);
    assert.match(answers.section("kept"), /^\d+$/);
    assert.match(answers.section("private-runtime"), /^\S+node \S+:lib_t:\S*\nResult=success$/);
    assert.match(
      answers.section("domains"),
      /^\/usr\/lib\/vscode-grim-reaper\/node\/bin\/node \S+:initrc_t:/m,
    );
    assert.doesNotMatch(answers.section("doctor"), /^fault/m);
    assert.match(answers.section("doctor"), /^ok +SELinux/m);
    const proof = answers.section("proof");
    assert.match(
      proof,
      /^pass +SELinux denied nothing$\n\n === doctor[\s\S]*^all passed$\nstatus 0, \d+ s, left behind:$/m,
      proof,
    );
  });

  it("without it: the tag is written from sshd's domain, in the folders of systemd-tmpfiles", async (t) => {
    if (!canRun(t)) return;
    const answers = await runMachine(deb, { module: false, skip: ["keep", "private-runtime"] });
    assert.equal(answers.section("mode"), "Enforcing");
    assert.doesNotMatch(answers.section("modules"), /vscode-grim-reaper/);
    assert.match(answers.section("folders"), new RegExp(`^${RUN} 770 root\\n${RUN}/tags 770 root$`));
    assert.match(answers.section("domains"), new RegExp(`^${HOOK} \\S+:sshd_t:`, "m"));
    assert.deepEqual(taggedUids(answers), [2001]);
    assert.equal(answers.section("counts"), "", "no fault");
    assert.match(answers.section("doctor"), /^(?:warning|fault) +SELinux .*\n.*vscode-grim-reaper-selinux/m);
    checkSweep(answers);
    checkRotation(answers, "var_log_t");
  });

  it("with cgroup v1: the hook tags, the sweep ends the tree", async (t) => {
    if (!canRun(t)) return;
    const kernelOptions = [
      "systemd.unified_cgroup_hierarchy=0",
      "systemd.legacy_systemd_cgroup_controller=1",
      "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
    ];
    const answers = await runMachine(deb, {
      module: true,
      kernelOptions,
      skip: ["doctor", "keep", "rotation", "private-runtime"],
    });
    assert.equal(answers.section("cgroup"), "tmpfs\n/sys/fs/cgroup/systemd");
    assert.deepEqual(taggedUids(answers), [2001]);
    checkSweep(answers);
  });
});

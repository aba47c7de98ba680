import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { plain } from "../../../../src/core/text/format.ts";
import { diagnose, doctorLines } from "../../../../src/tools/core/doctor/doctor.ts";
import { isStaticElf } from "../../../../src/tools/core/doctor/elf.ts";
import type { Examination } from "../../../../src/tools/core/doctor/examination.ts";
import { parsePam } from "../../../../src/tools/core/doctor/pam.ts";

const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";
const PAM = `session required pam_loginuid.so\nsession optional pam_exec.so quiet type=close_session ${HOOK}\n`;
const HOUR = 3_600_000;
const NOW = 1_000_000_000_000;

const well: Examination = {
  uid: 0,
  now: NOW,
  capabilities: [2, 5, 19],
  pam: parsePam("sshd", PAM),
  usePam: { value: true },
  keepalive: { value: { clientAlive: 300, tcp: true } },
  hookPath: HOOK,
  hook: { uid: 0, mode: 0o755, kind: "file", isStatic: true },
  hookFaults: { value: 0 },
  selinux: { value: null },
  timer: {
    value: { LoadState: "loaded", ActiveState: "active", UnitFileState: "enabled", LastTriggerUSec: "" },
  },
  service: {
    value: {
      LoadState: "loaded",
      Result: "success",
      ExecMainStatus: "0",
      PrivateNetwork: "no",
      CapabilityBoundingSet: "cap_kill cap_sys_ptrace cap_dac_read_search",
    },
  },
  tagsFolder: { value: { uid: 0, mode: 0o700, kind: "folder" } },
  tags: { value: { valid: 2, faults: [] } },
  kernel: { release: "6.1", pidfd: true, cgroupV2: true, cgroupKill: true, audit: true },
  sockets: { value: { complete: true, detail: "" } },
  processes: {
    value: {
      counts: { listed: 100, read: 100, gone: 0, denied: 0, malformed: 0, timedOut: 0 },
      sshServers: 3,
      seesInit: true,
    },
  },
  logind: { value: "" },
  clockSynchronized: { value: true },
  predecessor: [],
  config: {
    value: { files: ["/etc/vscode-grim-reaper/config.toml"], enforce: true, log: "both", faults: [] },
  },
  lastSweep: { value: { schemaVersion: 1, at: NOW - HOUR, lastGood: NOW - HOUR, survivors: 0 } },
};

test("a host where all is well: every line ok, no remedy", () => {
  const checks = diagnose(well);
  assert.deepEqual(
    checks.filter(({ health }) => health !== "ok"),
    [],
  );
  assert.ok(checks.every(({ remedy }) => remedy === null));
  assert.equal(doctorLines(checks, plain).at(-1), `${checks.length} ok, 0 warnings, 0 faults`);
});

const pam = (text: string): Partial<Examination> => ({ pam: parsePam("sshd", text) });
const hook = (facts: Partial<NonNullable<Examination["hook"]>>): Partial<Examination> => ({
  hook: { uid: 0, mode: 0o755, kind: "file", isStatic: true, ...facts },
});
const unit = (which: "timer" | "service", changes: Record<string, string>): Partial<Examination> => {
  const answer = well[which];
  return { [which]: { value: { ...("value" in answer ? answer.value : {}), ...changes } } };
};
const processes = (changes: object): Partial<Examination> => ({
  processes: {
    value: {
      counts: { listed: 100, read: 100, gone: 0, denied: 0, malformed: 0, timedOut: 0 },
      sshServers: 3,
      seesInit: true,
      ...changes,
    },
  },
});
const counts = (denied: number) => ({ listed: 100, read: 0, gone: 0, denied, malformed: 0, timedOut: 0 });
const swept = (lastGood: number | null): Partial<Examination> => ({
  lastSweep: { value: { schemaVersion: 1, at: NOW, lastGood, survivors: 0 } },
});
const kernel = (changes: Partial<Examination["kernel"]>): Partial<Examination> => ({
  kernel: { ...well.kernel, ...changes },
});
const closeLine = (start: string) => `session required pam_loginuid.so\n${start} ${HOOK}\n`;

const wrong: readonly (readonly [string, Partial<Examination>, "warning" | "fault", string, RegExp])[] = [
  ["no line", pam("session required pam_loginuid.so"), "warning", "PAM line", /does not run session-close/],
  ["no file", { pam: null }, "warning", "PAM line", /no \/etc\/pam\.d\/sshd/],
  [
    "a required line",
    pam(closeLine("session required pam_exec.so type=close_session")),
    "fault",
    "PAM line",
    /must be "optional"/,
  ],
  [
    "a line of auth",
    pam(closeLine("auth optional pam_exec.so type=close_session")),
    "fault",
    "PAM line",
    /sshd:2: it is a line of auth/,
  ],
  [
    "a line for logins, too",
    pam(closeLine("session optional pam_exec.so quiet")),
    "fault",
    "PAM line",
    /type=close_session/,
  ],
  [
    "another program",
    pam("session optional pam_exec.so type=close_session /home/x/session-close"),
    "fault",
    "PAM line",
    /it runs \/home\/x/,
  ],
  [
    "seteuid",
    pam(closeLine("session optional pam_exec.so seteuid type=close_session")),
    "fault",
    "PAM line",
    /seteuid/,
  ],
  ["twice", pam(PAM + PAM), "warning", "PAM line", /2 times/],
  [
    "no login uid",
    pam(`session optional pam_exec.so type=close_session ${HOOK}`),
    "fault",
    "PAM line",
    /identify the user/,
  ],
  [
    "the user's environment",
    pam(`${PAM}session required pam_env.so user_readenv=1`),
    "warning",
    "user_readenv",
    /sshd:3: .*LD_PRELOAD/,
  ],
  ["UsePAM no", { usePam: { value: false } }, "fault", "sshd UsePAM", /never runs/],
  [
    "no keepalive",
    { keepalive: { value: { clientAlive: 0, tcp: false } } },
    "warning",
    "sshd keepalive",
    /none: a client that vanished counts as connected for ever/,
  ],
  ["sshd is silent", { keepalive: { failed: "not there" } }, "warning", "sshd keepalive", /not there/],
  ["no sshd", { usePam: { failed: "not there" } }, "warning", "sshd UsePAM", /not there/],
  ["no hook, but a line", { hook: null }, "fault", "session-close", /not there/],
  ["a hook of another's", hook({ uid: 1001 }), "fault", "session-close", /uid 1001/],
  ["a hook that a group may write", hook({ mode: 0o775 }), "fault", "session-close", /0775/],
  ["a hook that is a link", hook({ kind: "other" }), "fault", "session-close", /belongs/],
  ["a hook that cannot run", hook({ mode: 0o644 }), "fault", "session-close", /not executable/],
  ["a dynamic hook", hook({ isStatic: false }), "fault", "session-close", /LD_PRELOAD/],
  ["a hook with faults", { hookFaults: { value: 3 } }, "warning", "session-close", /3 faults/],
  ["a dead timer", unit("timer", { ActiveState: "inactive" }), "fault", "timer", /nothing sweeps/],
  ["a timer not enabled", unit("timer", { UnitFileState: "disabled" }), "warning", "timer", /reboot/],
  ["no timer", unit("timer", { LoadState: "not-found" }), "fault", "timer", /not installed/],
  [
    "a failed service",
    unit("service", { Result: "exit-code", ExecMainStatus: "1" }),
    "fault",
    "service",
    /exit-code \(exit status 1\)/,
  ],
  ["a blind service", unit("service", { PrivateNetwork: "yes" }), "fault", "service", /PrivateNetwork=yes/],
  [
    "a service that sees nobody",
    unit("service", { PrivatePIDs: "yes" }),
    "fault",
    "service",
    /PrivatePIDs=yes/,
  ],
  [
    "a service that may not kill",
    unit("service", { CapabilityBoundingSet: "cap_sys_ptrace cap_dac_read_search" }),
    "fault",
    "service",
    /lacks CAP_KILL/,
  ],
  ["silence", swept(NOW - 4 * HOUR), "fault", "last sweep", /4h ago/],
  ["no sweep", { lastSweep: { value: null } }, "warning", "last sweep", /none yet/],
  ["no good sweep", swept(null), "fault", "last sweep", /no sweep has ended well/],
  ["a sweep of the future", swept(NOW + 2 * HOUR), "warning", "last sweep", /future/],
  [
    "an open tags folder",
    { tagsFolder: { value: { uid: 0, mode: 0o755, kind: "folder" } } },
    "fault",
    "tags",
    /0755/,
  ],
  [
    "bad tags",
    { tags: { value: { valid: 1, faults: ["cannot read x"] } } },
    "warning",
    "tags",
    /1 unreadable of 2/,
  ],
  [
    "a count of faults that is root's",
    { hookFaults: { failed: "only root can read it" } },
    "warning",
    "session-close",
    /only root/,
  ],
  [
    "the Python script's unit",
    { predecessor: ["/etc/systemd/system/vscode-grim-reaper.service"] },
    "fault",
    "predecessor",
    /\/etc\/systemd\/system\/vscode-grim-reaper\.service: .*hides/,
  ],
  ["root without rights", { capabilities: [5] }, "fault", "rights", /CAP_DAC_READ_SEARCH CAP_SYS_PTRACE/],
  ["hidden processes", processes({ counts: counts(60) }), "fault", "processes", /60 of 100/],
  ["no init", processes({ seesInit: false }), "fault", "processes", /pid 1/],
  ["no ssh server", processes({ sshServers: 0 }), "warning", "processes", /no tree would count as in use/],
  ["no netlink", { sockets: { value: { complete: false, detail: "EPERM" } } }, "fault", "sockets", /EPERM/],
  [
    "an old kernel",
    kernel({ pidfd: false, cgroupKill: false }),
    "warning",
    "kernel",
    /no pidfd.*no cgroup\.kill/,
  ],
  ["no logind", { logind: { failed: "no bus" } }, "warning", "logind", /no bus/],
  ["a free clock", { clockSynchronized: { value: false } }, "warning", "clock", /not synchronized/],
  [
    "a broken configuration",
    { config: { failed: "config.toml:3: grace: x" } },
    "fault",
    "configuration",
    /:3: grace/,
  ],
  [
    "observing",
    { config: { value: { files: [], enforce: false, log: "both", faults: [] } } },
    "warning",
    "configuration",
    /observing/,
  ],
];

for (const [what, change, health, name, detail] of wrong)
  test(`${what}: a ${health} with a remedy, and nothing else`, () => {
    const bad = diagnose({ ...well, ...change }).filter((check) => check.health !== "ok");
    assert.deepEqual(
      bad.map((check) => [check.name, check.health]),
      [[name, health]],
      JSON.stringify(bad),
    );
    assert.match(bad[0]?.detail ?? "", detail);
    assert.ok((bad[0]?.remedy ?? "").length > 5);
  });

test("a static program, a dynamic one and what is none", () => {
  assert.equal(isStaticElf(readFileSync("build/session-close")), true);
  assert.equal(isStaticElf(readFileSync(process.execPath)), false);
  assert.equal(isStaticElf(Buffer.from("#!/bin/sh\n")), null);
  assert.equal(isStaticElf(readFileSync("build/session-close").subarray(0, 70)), null);
});

test("TCP's keepalive alone is said, and well", () => {
  const alone = diagnose({ ...well, keepalive: { value: { clientAlive: 0, tcp: true } } });
  const check = alone.find(({ name }) => name === "sshd keepalive");
  assert.equal(check?.health, "ok");
  assert.match(check?.detail ?? "", /by TCP alone: a sleeping laptop counts as connected for two hours/);
});

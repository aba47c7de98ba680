import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { doctorLines, runChecks } from "../../../../src/tools/core/doctor/check.ts";
import type { Examination } from "../../../../src/tools/core/doctor/examination.ts";
import { HOOK_CHECKS } from "../../../../src/tools/core/doctor/hook-checks.ts";
import { HOST_CHECKS } from "../../../../src/tools/core/doctor/host-checks.ts";
import { parsePam } from "../../../../src/tools/core/doctor/pam.ts";
import { SELINUX_CHECKS } from "../../../../src/tools/core/doctor/selinux-checks.ts";
import { plain } from "../../../../src/tools/core/text/shown.ts";
import { isStatic } from "../../../../src/tools/shell/examine-host.ts";

const diagnose = (seen: Examination) =>
  runChecks({ ...HOST_CHECKS, ...HOOK_CHECKS, ...SELINUX_CHECKS }, seen);
const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";
const PAM = `session required pam_loginuid.so\nsession optional pam_exec.so quiet type=close_session ${HOOK}\n`;
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const HOUR = 3_600_000;
const NOW = 1_000_000_000_000;

const value = <T>(value: T): { readonly value: T } => ({ value });
const SSHD = "usepam yes\nclientaliveinterval 60\nclientalivecountmax 5\ntcpkeepalive yes\n";

const well: Examination = {
  uid: 0,
  now: NOW,
  pam: parsePam("sshd", PAM),
  sshd: value(SSHD),
  hook: { uid: 0, mode: 0o755, isFile: true, isStatic: true },
  hookFaults: value(0),
  selinux: value(null),
  timer: value({ LoadState: "loaded", ActiveState: "active", UnitFileState: "enabled", LastTriggerUSec: "" }),
  service: value({
    LoadState: "loaded",
    Result: "success",
    ExecMainStatus: "0",
    PrivateNetwork: "no",
    CapabilityBoundingSet: "cap_kill cap_sys_ptrace cap_dac_read_search",
  }),
  kernel: "6.1.0",
  hasAudit: true,
  sockets: value(null),
  look: value({
    processes: 100,
    sshServers: 3,
    monitors: [],
    broken: null,
    faults: [],
  }),
  rotation: value(`logrotate rotates ${LOG}`),
  config: value({ files: ["/etc/vscode-grim-reaper/config.toml"], enforce: true, log: LOG, problems: [] }),
  lastSweep: value({ schemaVersion: 1, at: NOW - HOUR, lastGood: NOW - HOUR, survivors: 0, faults: [] }),
};

test("a host where all is well: every line ok, no remedy", () => {
  const checks = diagnose(well);
  const bad = checks.filter(({ health }) => health !== "ok");
  assert.deepEqual(bad, []);
  assert.ok(checks.every(({ remedy }) => remedy === null));
  assert.equal(doctorLines(checks, plain).at(-1), `${checks.length} ok, 0 warnings, 0 faults`);
});

/** Changes some of what one question found. */
function but<K extends keyof Examination>(
  key: K,
  changes: Examination[K] extends { readonly value: infer T } | { readonly failed: string }
    ? Partial<T>
    : never,
): Partial<Examination> {
  const answer = well[key] as { readonly value: object };
  return { [key]: value({ ...answer.value, ...(changes as object) }) };
}
const failed = (key: keyof Examination, why: string): Partial<Examination> => ({ [key]: { failed: why } });
const pam = (text: string): Partial<Examination> => ({ pam: parsePam("sshd", text) });
const closeLine = (start: string) => pam(`session required pam_loginuid.so\n${start} ${HOOK}\n`);
const hook = (facts: Partial<NonNullable<Examination["hook"]>>): Partial<Examination> => ({
  hook: { uid: 0, mode: 0o755, isFile: true, isStatic: true, ...facts },
});
const sshd = (from: string, to: string): Partial<Examination> => ({ sshd: value(SSHD.replace(from, to)) });
const NO_KILL = { CapabilityBoundingSet: "cap_sys_ptrace cap_dac_read_search" };

const wrong: Readonly<Record<string, readonly [Partial<Examination>, "warning" | "fault", RegExp][]>> = {
  "PAM line": [
    [pam("session required pam_loginuid.so"), "warning", /does not run session-close/],
    [{ pam: null }, "warning", /no \/etc\/pam\.d\/sshd/],
    [closeLine("session required pam_exec.so type=close_session"), "fault", /must be "optional"/],
    [closeLine("auth optional pam_exec.so type=close_session"), "fault", /sshd:2: it is a line of auth/],
    [closeLine("session optional pam_exec.so quiet"), "fault", /type=close_session/],
    [pam("session optional pam_exec.so type=close_session /x/session-close"), "fault", /it runs \/x/],
    [closeLine("session optional pam_exec.so seteuid type=close_session"), "fault", /seteuid/],
    [pam(PAM + PAM), "warning", /2 times/],
    [pam(`session optional pam_exec.so type=close_session ${HOOK}`), "fault", /identify the user/],
  ],
  "sshd UsePAM": [[sshd("usepam yes", "usepam no"), "fault", /never runs/]],
  "sshd keepalive": [
    [sshd("clientaliveinterval 60", "clientaliveinterval 0"), "warning", /a sleeping laptop .* two hours/],
    [sshd("clientalivecountmax 5", "clientalivecountmax 0"), "warning", /by TCP alone/],
    [sshd(/clientalive[\s\S]*/.exec(SSHD)?.[0] ?? "", "tcpkeepalive no\n"), "warning", /none: .* for ever/],
  ],
  "session-close": [
    [{ hook: null }, "fault", /not there/],
    [hook({ uid: 1001 }), "fault", /uid 1001/],
    [hook({ mode: 0o775 }), "fault", /0775/],
    [hook({ isFile: false }), "fault", /belongs/],
    [hook({ mode: 0o644 }), "fault", /not executable/],
    [hook({ isStatic: false }), "fault", /LD_PRELOAD/],
    [{ hookFaults: value(3) }, "warning", /3 faults/],
    [failed("hookFaults", "only root can read it"), "warning", /only root/],
  ],
  timer: [
    [but("timer", { ActiveState: "inactive" }), "fault", /nothing sweeps/],
    [but("timer", { UnitFileState: "disabled" }), "warning", /reboot/],
    [but("timer", { LoadState: "not-found" }), "fault", /not installed/],
  ],
  service: [
    [but("service", { Result: "exit-code", ExecMainStatus: "1" }), "fault", /exit-code \(exit status 1\)/],
    [but("service", { Result: "core-dump", ExecMainStatus: "5" }), "fault", /core-dump/],
    [but("service", { PrivateNetwork: "yes" }), "fault", /PrivateNetwork=yes/],
    [but("service", { PrivatePIDs: "yes" }), "fault", /PrivatePIDs=yes/],
    [but("service", NO_KILL), "fault", /lacks CAP_KILL/],
  ],
  "last sweep": [
    [but("lastSweep", { lastGood: NOW - 4 * HOUR }), "fault", /4h ago/],
    [{ lastSweep: value(null) }, "warning", /none yet/],
    [but("lastSweep", { lastGood: null, faults: ["cannot x"] }), "fault", /no sweep has .* well.*cannot x/],
    [but("lastSweep", { at: NOW, faults: ["cannot write the log"] }), "warning", /1h ago; .*write the log/],
    [but("lastSweep", { lastGood: NOW + 2 * HOUR }), "warning", /future/],
    [but("lastSweep", { survivors: 2 }), "warning", /2 processes survived/],
  ],
  rotation: [[failed("rotation", "/srv/l grows without end: why"), "warning", /^\/srv\/l grows .*: why/]],
  processes: [
    [failed("look", "no /proc"), "fault", /no \/proc/],
    [but("look", { broken: "60 of 100 processes could not be read" }), "fault", /60 of 100/],
    [but("look", { faults: ["cannot see: CAP_SYS_PTRACE is missing"] }), "fault", /CAP_SYS_PTRACE/],
    [but("look", { sshServers: 0 }), "warning", /no tree would count as in use/],
  ],
  sockets: [[{ sockets: value("EPERM") }, "fault", /EPERM/]],
  kernel: [
    [{ kernel: "4.18.0-553.el8_10" }, "warning", /^4\.18\.0\S+: no pidfd_open/],
    [{ hasAudit: false }, "warning", /^6\.1\.0: no audit/],
  ],
  configuration: [
    [failed("config", "config.toml:3: grace: x"), "fault", /:3: grace/],
    [but("config", { enforce: false }), "warning", /observing/],
    [but("config", { problems: ["metrics.file: no folder"] }), "fault", /no folder/],
  ],
};

for (const [name, rows] of Object.entries(wrong))
  for (const [change, health, detail] of rows)
    test(`${name}: ${detail} is a ${health} with a remedy, and nothing else`, () => {
      const bad = diagnose({ ...well, ...change }).filter((check) => check.health !== "ok");
      const found = bad.map((check) => [check.name, check.health]);
      assert.deepEqual(found, [[name, health]], JSON.stringify(bad));
      assert.match(bad[0]?.detail ?? "", detail);
      assert.ok((bad[0]?.remedy ?? "").length > 5);
    });

test("an sshd that does not answer leaves both of its questions open", () => {
  const open = diagnose({ ...well, sshd: { failed: "not there" } }).filter(({ health }) => health !== "ok");
  const unknown = open.map(({ name, health, detail }) => [name, health, detail]);
  assert.deepEqual(unknown, [
    ["sshd keepalive", "warning", "unknown: not there"],
    ["sshd UsePAM", "warning", "unknown: not there"],
  ]);
});

test("an ordinary user is not told a fault", () => {
  const checks = diagnose({ ...well, uid: 1000 });
  assert.equal(
    checks.find(({ name }) => name === "processes")?.detail,
    "only root can read those of other users",
  );
  assert.ok(checks.every(({ health }) => health !== "fault"));
});

test("a static program, a dynamic one and what is none", () => {
  const programs = [readFileSync("build/session-close"), readFileSync(process.execPath), Buffer.from("#!")];
  assert.deepEqual(programs.map(isStatic), [true, false, false]);
});

// The units against the oldest systemd that the packages install on: 239, of RHEL 8. It warns of a directive that it does not
// know and ignores it, so each such directive must be one that the unit can do without, and the README says what stands in.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** Directives that came after systemd 239, by the version in systemd.exec(5), and what does the same on RHEL 8. */
const NEWER: Readonly<Record<string, number>> = {
  ProtectHostname: 242,
  ProtectKernelLogs: 244,
  ProtectClock: 245,
  ProtectProc: 247,
  OOMPolicy: 243,
};

/** What systemd 239 knows of what the units use. RestrictSUIDSGID= is of 242, and RHEL's 239 has it. */
const OLD = new Set(
  `Description Documentation Wants WantedBy Type User AmbientCapabilities ExecStartPre ExecStart SuccessExitStatus TimeoutStartSec Nice
   CapabilityBoundingSet NoNewPrivileges ProtectSystem ReadWritePaths ReadOnlyPaths InaccessiblePaths RemoveIPC StateDirectory StateDirectoryMode UMask ProtectHome PrivateTmp PrivateDevices DevicePolicy
   ProtectControlGroups ProtectKernelModules ProtectKernelTunables RestrictAddressFamilies IPAddressDeny RestrictNamespaces
   RestrictRealtime RestrictSUIDSGID LockPersonality SystemCallArchitectures SystemCallFilter SystemCallErrorNumber
   CacheDirectory CacheDirectoryMode KeyringMode MemoryMax TasksMax OnCalendar AccuracySec RandomizedDelaySec DirectoryNotEmpty`.split(
    /\s+/,
  ),
);

/** systemd.exec(5), of a unit whose account is not root: each setting that makes a filter of system calls. */
const IMPLIES_NO_NEW_PRIVILEGES =
  /^(?:NoNewPrivileges|SystemCall(?:Filter|Architectures)|Restrict\w+|LockPersonality|PrivateDevices|Protect(?:Clock|Hostname|Kernel\w+))$/;

const units = readdirSync("systemd").filter((name) => /\.(?:service|timer|path)$/.test(name));
const directivesOf = (name: string): string[] =>
  [...readFileSync(join("systemd", name), "utf8").matchAll(/^([A-Z]\w*)=/gm)].map((match) => match[1] ?? "");
const used = new Set(units.flatMap(directivesOf));

test("systemd 239 knows every directive of the units, or it is listed as newer", () => {
  for (const directive of used)
    assert.ok(
      OLD.has(directive) || directive in NEWER,
      `${directive}= is in neither list: look up its version`,
    );
});

test("the lists hold nothing that no unit uses", () => {
  const unused = [...OLD, ...Object.keys(NEWER)].filter((directive) => !used.has(directive));
  assert.deepEqual(unused, []);
});

test("the drop-in for a setuid mailer turns off whatever of the notify unit implies NoNewPrivileges", () => {
  const unit = directivesOf("vscode-grim-reaper-notify.service");
  const dropIn = readFileSync("packaging/hooks/setuid-mailer.conf", "utf8");
  const implying = unit.filter((name) => IMPLIES_NO_NEW_PRIVILEGES.test(name));
  assert.ok(implying.length > 10);
  for (const name of implying) assert.match(dropIn, new RegExp(`^${name}=(?:no)?$`, "m"));
  for (const [, name] of dropIn.matchAll(/^(\w+)=/gm)) assert.ok(unit.includes(name ?? ""), name);
});

test("the README says what stands in for each newer directive on RHEL 8", () => {
  const readme = readFileSync("packaging/README.md", "utf8");
  for (const [directive, version] of Object.entries(NEWER))
    assert.match(readme, new RegExp(`^\\| .${directive}=. \\| ${version} \\| \\S`, "m"), directive);
});

test("the sweep's unit starts a program that the targeted policy labels bin_t", () => {
  // Of the folders that file_contexts labels bin_t. From one below /usr/lib systemd would not leave init_t, where V8 aborts.
  for (const name of units) {
    for (const [, path] of readFileSync(join("systemd", name), "utf8").matchAll(/^Exec\w+=[-+!@:]*(\S+)/gm))
      assert.match(path ?? "", /^\/usr\/(?:s?bin|libexec)\//, name);
  }
});

test("the filter of system calls names those that are newer than systemd 239", () => {
  const unit = readFileSync("systemd/vscode-grim-reaper.service", "utf8");
  const filters = [...unit.matchAll(/^SystemCallFilter=(.*)$/gm)].map((match) => match[1] ?? "");
  // The last line counts where lines disagree.
  assert.match(filters.at(-1) ?? "", /^pidfd_open pidfd_send_signal$/);
});

test("the timer starts it minutes late, at random", () => {
  const timer = readFileSync("systemd/vscode-grim-reaper.timer", "utf8");
  const minutes = Number(/^RandomizedDelaySec=(\d+)min$/m.exec(timer)?.[1]);
  assert.ok(minutes >= 2, timer);
});

test("systemd-tmpfiles, which root runs before each sweep, makes no folder that everybody may write to and looks for none", () => {
  const text = readFileSync("systemd/vscode-grim-reaper.tmpfiles.conf", "utf8");
  assert.doesNotMatch(text, /^[^#].*\*/m, "users could make what the pattern finds");
  const lines = text.match(/^[dDf]\S* .*$/gm) ?? [];
  assert.ok(lines.length > 5);
  for (const line of lines) assert.match(line, /^\S+ +\S+ +0[0-7][0-7][0145] /, line);
});

test("both units run as the account that sysusers makes, and the log has a size at which it is rotated", () => {
  const sysusers = readFileSync("systemd/vscode-grim-reaper.sysusers.conf", "utf8");
  assert.match(sysusers, /^u vscode-grim-reaper - ".*" \/ \/usr\/sbin\/nologin$/m);
  for (const name of ["vscode-grim-reaper.service", "vscode-grim-reaper-notify.service"])
    assert.match(readFileSync(join("systemd", name), "utf8"), /^User=vscode-grim-reaper$/m, name);
  const rotated = readFileSync("systemd/vscode-grim-reaper.logrotate", "utf8").split(/^}$/m).slice(0, -1);
  assert.equal(rotated.length, 2);
  for (const one of rotated) assert.match(one, /^ {4}maxsize \d+M$/m);
});

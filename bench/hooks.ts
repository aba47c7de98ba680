// What the session-close hook adds to a logout, beside hooks in shell and in Node, started as pam_exec starts them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const USER = 0;
const OTHERS = 100;
const CGROUPS = "/sys/fs/cgroup";
const TAGS = "/run/vscode-grim-reaper/tags";
/** Trees of the user, of ten processes each. */
const TREES = 2;
const PROGRAMS = [
  ["/bin/true"],
  [HOOK],
  ["/bin/sh", resolve("bench/hooks/peer.sh")],
  [NODE, resolve("bench/hooks/peer.cjs")],
];
const UID = String(serverLine(USER).uid);

// What sshd's stack leaves there, and the items that pam_exec adds (pam_exec(8)).
const ENVIRONMENT = {
  LANG: "C.UTF-8",
  PATH: "/usr/local/bin:/usr/bin:/bin:/usr/games",
  XDG_SESSION_ID: "1",
  XDG_RUNTIME_DIR: `/run/user/${UID}`,
  XDG_SESSION_TYPE: "tty",
  XDG_SESSION_CLASS: "user",
  DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/${UID}/bus`,
  PAM_SERVICE: "sshd",
  PAM_USER: "alice",
  PAM_TTY: "ssh",
  PAM_RHOST: "192.0.2.1",
  PAM_TYPE: "close_session",
  PEER_UID: UID,
};

export async function measureHooks(sizes: readonly number[], runs: number): Promise<HookCost[]> {
  const top = makeCgroups();
  try {
    const costs: HookCost[] = [];
    for (const size of sizes) costs.push(...(await measureAt(top, size, runs)));
    return costs;
  } finally {
    writeFileSync(`${top}/cgroup.kill`, "1");
    // The kernel takes its time to bury them.
    const remove = `until find "$0" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done`;
    execFileSync("timeout", ["30", "sh", "-c", remove, top]);
  }
}

/** The hosts' cgroup tree with folders of our own in it, as pam_systemd makes them for sessions. */
function makeCgroups(): string {
  execFileSync("umount", ["--recursive", CGROUPS], { stdio: "ignore" });
  execFileSync("mount", ["-t", "cgroup2", "cgroup2", CGROUPS]);
  const id = readFileSync("/proc/sys/kernel/random/uuid", "utf8").trim();
  const top = join(CGROUPS, `vscode-grim-reaper-bench.${id}`);
  for (const user of range(OTHERS + 1)) mkdirSync(sessionOf(top, user), { recursive: true });
  mkdirSync(join(top, "elsewhere"));
  return top;
}

function sessionOf(top: string, user: number): string {
  return join(top, `user.slice/user-${serverLine(user).uid}.slice/session-1.scope`);
}

/** A shell that moves itself into a cgroup, and becomes the command as a session of the user. */
function within(cgroup: string, name: string, command: string): string {
  const script = join(WORK, name);
  const lines = [
    `echo $$ >"${cgroup}/cgroup.procs"`,
    `echo ${UID} >/proc/self/loginuid`,
    `exec ${command} "$@"`,
  ];
  writeFileSync(script, `#!/bin/sh\n${lines.join(" && ")}\n`, { mode: 0o755 });
  return script;
}

async function measureAt(top: string, size: number, runs: number): Promise<HookCost[]> {
  const each = Math.max(1, Math.floor((size - 30) / OTHERS) - 10);
  const started = [];
  for (const user of range(OTHERS + 1)) {
    const lines = range(user === USER ? TREES : 1).map(() => serverLine(user, 10));
    const shells = {
      count: user === USER ? 10 : each,
      argv: ["-bash"],
      exe: puppetAt(join(WORK, "bin/bash")),
    };
    const host = within(sessionOf(top, user), `host-${user}`, puppetBinary());
    started.push(await startHost([...lines, { ...shells, uid: serverLine(user).uid ?? 0 }], host));
  }
  const processes = started.reduce((sum, host) => sum + host.total, 0);
  try {
    // A session outside of any user slice is one of a host without pam_systemd.
    const slow = measure(processes, "through /proc", join(top, "elsewhere"), runs);
    return [measure(processes, "by cgroup", sessionOf(top, USER), runs), slow];
  } finally {
    await Promise.all(started.map((host) => host.end()));
  }
}

function measure(processes: number, found: HookCost["found"], cgroup: string, runs: number): HookCost {
  const driver = within(cgroup, "driver", helper("stopwatch"));
  // The first starts fill the caches.
  time(2, PROGRAMS, driver, ENVIRONMENT);
  const starts = time(runs, PROGRAMS, driver, ENVIRONMENT);
  const [base = [], hook = [], shell = [], node = []] = starts;
  for (const [i, program] of PROGRAMS.entries()) requireStatus(starts[i] ?? [], [0], program.join(" "));
  requireTags(TAGS, TREES);
  requireTags("/run/bench-peer-sh", TREES * 10);
  requireTags("/run/bench-peer-node", TREES * 10);
  const over = (own: readonly Start[]): Added => ({
    wall: median(own.map(({ wall }) => wall)) - median(base.map(({ wall }) => wall)),
    cpu: median(own.map(({ cpu }) => cpu)) - median(base.map(({ cpu }) => cpu)),
  });
  const peak = quantile(
    hook.map((start) => start.peak),
    1,
  );
  return { processes, found, hook: over(hook), shell: over(shell), node: over(node), peak };
}

function requireTags(folder: string, due: number): void {
  const written = existsSync(folder) ? readdirSync(folder).length : 0;
  if (written !== due)
    throw new Error(`${folder}: ${written} tags where ${due} were due: not the work to be timed`);
  rmSync(folder, { recursive: true });
}

import { puppetBinary, startHost } from "../test/helpers/puppet.ts";
import { puppetAt, serverLine } from "./host.ts";
import type { Added, HookCost } from "./results.ts";
import {
  HOOK,
  helper,
  median,
  NODE,
  quantile,
  range,
  requireStatus,
  type Start,
  time,
  WORK,
} from "./tools.ts";

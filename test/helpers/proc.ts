import type { Connection, Connections } from "../../src/core/observation/connections.ts";
import type { Observation, Tag } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
/** Builders: a process table and an observation from a few words. What is not given is an ordinary idle process. */

export const ALICE = 2001;
export const COMMIT = "41dd792b5e652393e7787322889ed5fdc58bd75b";
export const HOME = "/home/alice";
export const LEGACY = `${HOME}/.vscode-server/bin/${COMMIT}`;
/** Uptime of built observations: ten hours. Start times default to one hour before. */
export const UPTIME = 36_000_000;
export const TICKS = 100;

export type ProcInit = Partial<Omit<Proc, "argv">> & {
  readonly pid: number;
  readonly argv?: readonly string[] | string;
};

export function proc(init: ProcInit): Proc {
  const uid = init.uid ?? ALICE;
  const argv = typeof init.argv === "string" ? init.argv.split(" ") : (init.argv ?? []);
  return {
    ppid: 1,
    startTime: ((UPTIME - 3_600_000) / 1000) * TICKS + (init.pid % 1000),
    pgid: init.pid,
    sid: init.pid,
    tty: 0,
    state: "S",
    threads: 1,
    rssKiB: 1024,
    uids: [uid, uid, uid, uid],
    uid,
    ignoresHangup: false,
    comm: "x",
    exe: "/usr/bin/x",
    argvStatus: argv.length > 0 ? "read" : "empty",
    argvTruncated: false,
    cgroups: [`/user.slice/user-${uid}.slice/session-7.scope`],
    jobVariables: [],
    auditSession: 7,
    loginUid: uid,
    foreignUserNs: false,
    foreignPidNs: false,
    ...init,
    argv,
  };
}

/** What a server that has died started is still in the session and the process group of a leader that has died too. */
const LEFT_BEHIND = { pgid: 77, sid: 77 } as const;

/** An extension's program that a server which has died left behind. */
export const leftHelper = (init: Partial<ProcInit> = {}): Proc => {
  const exe = `${HOME}/.vscode-server/extensions/ms-vscode.cpptools-1/bin/cpptools`;
  return proc({ ...LEFT_BEHIND, pid: 900, exe, argv: "cpptools", ...init });
};

export const INIT = proc({
  pid: 1,
  ppid: 0,
  uid: 0,
  exe: "/usr/lib/systemd/systemd",
  startTime: 1,
  auditSession: null,
});

/** A legacy server: launcher, server, extension host, file watcher, pty host, shell. Pids from `base` upward. */
export function legacyTree(base: number, init: Partial<ProcInit> = {}): Proc[] {
  const node = `${LEGACY}/node`;
  const flags = ["--start-server", "--host=127.0.0.1", "--port=0", "--enable-remote-auto-shutdown"];
  const fork = (type: string): string[] => [node, `${LEGACY}/out/bootstrap-fork`, `--type=${type}`];
  const make = (offset: number, parent: number, exe: string, argv: readonly string[]): Proc =>
    proc({ ...init, pid: base + offset, ppid: offset === 0 ? (init.ppid ?? 1) : base + parent, exe, argv });
  return [
    make(0, 0, "/usr/bin/dash", ["sh", `${LEGACY}/bin/code-server`, ...flags]),
    make(1, 0, node, [node, `${LEGACY}/out/server-main.js`, ...flags]),
    make(2, 1, node, fork("extensionHost")),
    make(3, 1, node, fork("fileWatcher")),
    make(4, 1, node, fork("ptyHost")),
    make(5, 4, "/usr/bin/bash", ["/bin/bash", "--init-file", `${LEGACY}/out/shellIntegration-bash.sh`]),
  ];
}

/** The CLI of the exec-server generation. */
export function commandShell(init: ProcInit): Proc {
  const exe = `${HOME}/.vscode-server/code-${COMMIT}`;
  return proc({ exe, argv: [exe, "command-shell", "--cli-data-dir", `${HOME}/.vscode-server/cli`], ...init });
}

/** An ssh session as OpenSSH shows it: the monitor as root and, below it, the session as the user. */
export function sshSession(monitor: number, uid = ALICE, init: Partial<ProcInit> = {}): Proc[] {
  const exe = "/usr/lib/openssh/sshd-session";
  return [
    proc({ ...init, pid: monitor, ppid: 1, uid: 0, exe, argv: "sshd-session: alice [priv]" }),
    proc({ ...init, pid: monitor + 1, ppid: monitor, uid, exe, argv: "sshd-session: alice@notty" }),
  ];
}

export const NO_CONNECTIONS: Connections = {
  complete: true,
  connections: [],
  unreadable: [],
  unlisted: [],
  otherNets: [],
  established: { tcp: 4, unix: 40 },
  faults: [],
};

const pids = (pid: number | null): number[] => (pid === null ? [] : [pid]);

/** A connection that `near` accepted: over TCP, on this host, from `far` (null: a process that was not asked). */
export function accepted(near: number, far: number | null, init: Partial<Connection> = {}): Connection {
  const isUnix = init.kind === "unix";
  return {
    kind: "tcp",
    direction: "accepted",
    near: [near],
    far: pids(far),
    local: isUnix ? "/tmp/code-1" : "127.0.0.1:4100",
    remote: isUnix ? "unix:1" : "127.0.0.1:51000",
    farUid: ALICE,
    idle: isUnix ? null : 5,
    ...init,
  };
}

/** The same as the process sees it that opened it. */
export function opened(near: number, far: number | null, init: Partial<Connection> = {}): Connection {
  const { local, remote, ...rest } = accepted(near, far, init);
  return { ...rest, direction: "opened", local: remote, remote: local, ...init };
}

/** Both ends of a connection that `opener` opened and `acceptor` accepted. */
export function joined(opener: number, acceptor: number, init: Partial<Connection> = {}): Connection[] {
  return [opened(opener, acceptor, init), accepted(acceptor, opener, init)];
}

/** Both ends of a socket pair; null: a process that was not asked holds the other. */
export function paired(a: number, b: number | null, init: Partial<Connection> = {}): Connection[] {
  const pair = (near: number, far: number | null): Connection =>
    accepted(near, far, { kind: "unix", direction: "pair", local: "unix:2", ...init });
  return b === null ? [pair(a, b)] : [pair(a, b), pair(b, a)];
}

/** A pipe: the first process reads, the other writes. */
export function piped(reader: number, writer: number): Connection {
  const pipe = { kind: "pipe", direction: "pair", local: "pipe:1", remote: "pipe:1" } as const;
  return accepted(reader, writer, { ...pipe, farUid: null, idle: null });
}

/** A terminal whose slave the first process holds, and whose master the other. */
export function onTerminal(slave: number, master: number): Connection {
  return { ...piped(slave, master), kind: "terminal", local: "pts/3", remote: "pts/3" };
}

/** A connection that another host opened. */
export function fromHost(near: number, init: Partial<Connection> = {}): Connection {
  const ends = { local: "10.0.0.1:22", remote: "10.1.2.3:50000" };
  return accepted(near, null, { ...ends, otherHost: true, farUid: null, ...init });
}

/** A connection to another host. */
export function toHost(near: number, init: Partial<Connection> = {}): Connection {
  return fromHost(near, { direction: "opened", local: "10.0.0.1:50000", remote: "10.1.2.3:443", ...init });
}

export function observation(processes: readonly Proc[], init: Partial<Observation> = {}): Observation {
  const all = processes.some(({ pid }) => pid === 1) ? processes : [INIT, ...processes];
  return {
    schemaVersion: 1,
    host: "login1",
    source: "proc",
    bootId: "b007",
    takenAt: 1_700_000_000_000,
    uptime: UPTIME,
    ticksPerSecond: TICKS,
    observerUid: 0,
    processes: all,
    counts: { listed: all.length, read: all.length, gone: 0, denied: 0, malformed: 0, timedOut: 0 },
    connections: NO_CONNECTIONS,
    tags: [],
    states: [],
    lastSweepAt: null,
    survivors: [],
    keeps: [],
    faults: [],
    ...init,
  };
}

/** What session-close left when a session of a user closed, so many milliseconds before the look. */
export function tagOf(ago: number, more: Partial<Tag> = {}): Tag {
  const rest = { auditSession: 7, logindSession: "7", closedAt: 0, remoteHost: null };
  return { uid: ALICE, ...rest, closedUptime: UPTIME - ago, ...more };
}

export function linked(...connections: readonly Connection[]): Connections {
  return { ...NO_CONNECTIONS, connections };
}

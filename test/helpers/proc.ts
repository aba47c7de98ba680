import type { Connections, Link } from "../../src/core/observation/connections.ts";
import type { Observation } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
/** Builders: a process table and an observation from a few words. What is not given is an ordinary idle process. */

export const ALICE = 2001;
export const COMMIT = "41dd792b5e652393e7787322889ed5fdc58bd75b";
export const HOME = "/home/alice";
export const LEGACY = `${HOME}/.vscode-server/bin/${COMMIT}`;
export const EXEC = `${HOME}/.vscode-server/cli/servers/Stable-${COMMIT}/server`;
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
  source: "netlink",
  links: [],
  unreadable: [],
  foreignNet: [],
  established: { tcp: 4, unix: 40 },
  faults: [],
};

export function tcp(pid: number, peerPid: number | null, port = 40_000): Link {
  return { kind: "tcp", pid, peerPid, local: `127.0.0.1:${port}`, remote: "127.0.0.1:51000" };
}

export function unix(pid: number, peerPid: number | null): Link {
  return { kind: "unix", pid, peerPid, local: "/tmp/code-1", remote: "unix:1" };
}

/** A connection that `opener` opened and `acceptor` accepted, as the kernel shows it: a link for each end. */
export function joined(opener: number, acceptor: number, kind: Link["kind"] = "tcp"): Link[] {
  const [local, remote] = kind === "tcp" ? ["127.0.0.1:51000", "127.0.0.1:4100"] : ["unix:1", "/tmp/code-1"];
  return [
    { kind, pid: opener, peerPid: acceptor, local, remote, direction: "opened", otherHost: false },
    {
      kind,
      pid: acceptor,
      peerPid: opener,
      local: remote,
      remote: local,
      direction: "accepted",
      otherHost: false,
    },
  ];
}

/** A pipe of which each process holds an end. */
export function piped(a: number, b: number): Link[] {
  const pipe = { kind: "pipe", local: "pipe:1", remote: "pipe:1", direction: "unknown" } as const;
  return [
    { ...pipe, pid: a, peerPid: b },
    { ...pipe, pid: b, peerPid: a },
  ];
}

/** A connection of this host whose other end no asked process holds. */
export function unattributed(pid: number, direction: NonNullable<Link["direction"]> = "accepted"): Link {
  return { ...tcp(pid, null), direction, otherHost: false };
}

/** A connection with another host. */
export function fromHost(pid: number, direction: NonNullable<Link["direction"]> = "accepted"): Link {
  return {
    kind: "tcp",
    pid,
    peerPid: null,
    local: "10.0.0.1:22",
    remote: "10.1.2.3:50000",
    direction,
    otherHost: true,
  };
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
    marks: [],
    keeps: [],
    faults: [],
    ...init,
  };
}

export function linked(...links: readonly Link[]): Connections {
  return { ...NO_CONNECTIONS, links };
}

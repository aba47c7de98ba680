/** Every way in which a person reaches a server, and every connection without a person. */

import { BOTH, type SimulatedHost, type When } from "./simulated-host.ts";

export const SSHD = "/usr/lib/openssh/sshd-session";

/** The tree that is to be reached. */
export interface Target {
  readonly uid: number;
  readonly folder: string;
  readonly commit: string;
  readonly server: number;
  readonly extensionHost: number;
  readonly terminal: number;
}

/** An ssh session: its monitor (null: it was killed) and the process of its user. */
export interface Session {
  readonly uid: number;
  readonly monitor: number | null;
  readonly child: number;
  readonly when: When;
}

/** Adds a session of a user that comes from another host, or from a proxy before sshd. */
export function addSession(host: SimulatedHost, uid: number, when: When = BOTH): Session {
  const auditSession = host.chance(0.1) ? null : 1 + host.below(1_000_000);
  const loginUid = auditSession === null ? null : uid;
  const monitorDied = host.chance(0.1);
  const common = { auditSession, loginUid };
  const argv = ["sshd: u [priv]"];
  const monitor = monitorDied ? null : host.add({ ...common, ppid: 1, uid: 0, exe: SSHD, argv }, when);
  const exe = host.chance(0.1) ? `${SSHD} (deleted)` : SSHD;
  const child = host.add({ ...common, ppid: monitor ?? 1, uid, exe, argv: ["sshd: u@notty"] }, when);
  const behindProxy = host.chance(0.1);
  for (const pid of monitor === null ? [child] : [monitor, child])
    if (behindProxy) host.join(null, pid, when);
    else host.fromOtherHost(pid, when);
  return { uid, monitor, child, when };
}

/** Adds a session that a process of this host opened. */
export function addLocalSession(
  host: SimulatedHost,
  uid: number,
  opener: number,
  when: When = BOTH,
): Session {
  const monitor = host.add({ ppid: 1, uid: 0, loginUid: uid, exe: SSHD, argv: ["sshd: u [priv]"] }, when);
  const child = host.add({ ppid: monitor, uid, exe: SSHD, argv: ["sshd: u@notty"] }, when);
  for (const pid of [monitor, child]) host.join(opener, pid, when);
  return { uid, monitor, child, when };
}

const relay = (host: SimulatedHost, uid: number, exe: string, when: When, ppid = 1): number =>
  host.add({ uid, ppid, exe, argv: [exe] }, when);

type Client = (host: SimulatedHost, target: Target, session: Session, when: When) => void;

/** Each makes the tree used while `when` says so; `session` is a live one of its user. */
export const CLIENTS: Readonly<Record<string, Client>> = {
  tcp: (host, { server }, { child }, when) => host.join(child, server, when),
  "extension host": (host, { extensionHost }, { child }, when) => host.join(child, extensionHost, when),
  unix: (host, { server }, { child }, when) => host.join(child, server, when, "unix"),
  "X11 window": (host, { terminal }, { child }, when) => host.join(terminal, child, when),
  "command-line program": (host, target, { child }, when) => {
    const cli = addCli(host, target, when, host.chance(0.5) ? child : 1);
    host.join(child, cli, when);
    host.join(cli, target.server, when, "unix");
  },
  "chain of command-line programs": (host, target, { child }, when) => {
    const [first, second] = [addCli(host, target, when, 1), addCli(host, target, when, 1)];
    host.join(child, first, when);
    host.join(first, second, when, "unix");
    host.join(second, target.server, when, "unix");
  },
  "another host": (host, { server }, _, when) => host.fromOtherHost(server, when),
  "relay from a session": (host, { uid, server }, { child }, when) => {
    const socat = relay(host, uid, "/usr/bin/socat", when);
    host.join(child, socat, when);
    host.join(socat, server, when, host.pick(["tcp", "unix"] as const));
  },
  "relay that forks": (host, { uid, server }, { child }, when) => {
    const parent = relay(host, uid, "/usr/bin/socat", when);
    const socat = relay(host, uid, "/usr/bin/socat", when, parent);
    host.join(child, socat, when);
    host.join(socat, server, when);
  },
  "relay below a session": (host, { uid, server }, { child }, when) => {
    const shell = relay(host, uid, "/usr/bin/bash", when, child);
    const nc = relay(host, uid, "/usr/bin/nc", when, host.chance(0.5) ? shell : child);
    if (host.chance(0.3)) host.pair(nc, server, when);
    else host.join(nc, server, when, "unix");
  },
  "chain of relays": (host, { uid, server }, { child }, when) => {
    const chain = Array.from({ length: 2 + host.below(3) }, () => relay(host, uid, "/usr/bin/socat", when));
    host.join(child, chain[0] as number, when);
    for (const [i, pid] of chain.entries()) host.join(pid, chain[i + 1] ?? server, when);
  },
  "relay that another host is connected to": (host, { uid, server }, _, when) => {
    const proxy = relay(host, uid, "/home/u/bin/proxy", when);
    host.fromOtherHost(proxy, when);
    host.join(proxy, server, when);
  },
  "ssh -R": (host, { uid, server }, _, when) => {
    const ssh = relay(host, uid, "/usr/bin/ssh", when);
    if (host.chance(0.7)) host.toOtherHost(ssh, when);
    else addProxyCommand(host, uid, ssh, when);
    if (host.chance(0.3)) host.join(ssh, relay(host, uid, "/usr/bin/ssh-agent", when), when, "unix");
    host.join(ssh, server, when);
  },
  "ssh -R to the host's own ssh server": (host, { uid, server }, _, when) => {
    const ssh = relay(host, uid, "/usr/bin/ssh", when);
    if (host.chance(0.5)) host.toOtherHost(ssh, when);
    else addProxyCommand(host, uid, ssh, when);
    host.join(addLocalSession(host, uid, ssh, when).child, server, when);
  },
  "relay on a session's streams, adopted by init": (host, { uid, server }, { child }, when) => {
    const nc = relay(host, uid, "/usr/bin/nc", when);
    host.pipe(child, nc, when);
    host.join(nc, server, when, "unix");
  },
  "relay over UDP": (host, { uid, server }, _, when) => {
    const mosh = relay(host, uid, "/usr/bin/mosh-server", when);
    host.datagram.push(mosh);
    host.join(relay(host, uid, "/usr/bin/nc", when, mosh), server, when, "unix");
  },
  "relay in a screen that was attached again": (host, { uid, server }, { child }, when) => {
    relay(host, uid, "/usr/bin/screen", when, child);
    const screen = relay(host, uid, "/usr/bin/screen", when);
    host.join(relay(host, uid, "/usr/bin/nc", when, screen), server, when, "unix");
  },
  "relay behind a proxy of another user": (host, { uid, server }, _, when) => {
    const jupyter = relay(host, uid, "/usr/bin/python3", when);
    host.join(null, jupyter, when, host.pick(["tcp", "unix"] as const));
    host.join(jupyter, server, when);
  },
  "a user's own ssh server": (host, { uid, server }, _, when) => {
    const listener = relay(host, uid, host.pick(["/home/u/conda/bin/sshd", "/usr/sbin/sshd"]), when);
    const sshd = relay(host, uid, "/home/u/conda/bin/sshd", when, listener);
    host.fromOtherHost(sshd, when);
    host.join(sshd, server, when);
  },
  "session opened in a session": (host, { uid, server }, { child }, when) => {
    const inner = addLocalSession(host, uid, child, when);
    host.join(inner.child, server, when);
  },
  "another user's session": (host, { server }, _, when) => {
    host.join(addSession(host, 3000 + host.below(5), when).child, server, when);
  },
  "an exempt tunnel": (host, { uid, server }, _, when) => {
    const exe = "/usr/local/bin/code";
    host.join(host.add({ uid, ppid: 1, exe, argv: [exe, "tunnel"] }, when), server, when);
  },
};

/** Each is connected to a tree, and no person is behind it. */
export const DEAD_ENDS: readonly ((host: SimulatedHost, target: Target, when: When) => void)[] = [
  (host, { uid, server }, when) => host.join(relay(host, uid, "/usr/bin/curl", when), server, when),
  // A scanner of another user, or a daemon's health check.
  (host, { server }, when) => host.join(null, server, when),
  (host, { uid, server }, when) => {
    const [a, b] = [relay(host, uid, "/usr/bin/nc", when), relay(host, uid, "/usr/bin/nc", when)];
    host.join(a, b, when);
    host.join(b, server, when);
  },
  (host, { extensionHost }, when) => host.toOtherHost(extensionHost, when),
  // A connection to this very host from the tree's terminal, which forwards to the tree.
  (host, { uid, server, terminal }, when) =>
    host.join(addLocalSession(host, uid, terminal, when).child, server, when),
  (host, { uid, server }, when) => {
    const ssh = relay(host, uid, "/usr/bin/ssh", when);
    host.join(addLocalSession(host, uid, ssh, when).child, server, when);
  },
  // A colleague's reverse forward.
  (host, { extensionHost }, when) => host.join(extensionHost, addSession(host, 3100, when).child, when),
  // A browser that was left behind and that the tree debugs.
  (host, { uid, extensionHost }, when) => {
    const browser = relay(host, uid, "/usr/bin/chromium", when);
    host.toOtherHost(browser, when);
    host.join(extensionHost, browser, when);
  },
  (host, { uid, server }, when) => {
    const bus = relay(host, uid, "/usr/bin/dbus-daemon", when);
    const nc = relay(host, uid, "/usr/bin/nc", when);
    host.join(nc, bus, when, "unix");
    host.join(nc, server, when);
  },
  (host, { uid, server }, when) => host.join(relay(host, uid, `/home/u${uid}/sshd`, when), server, when),
  // A pipeline that was left behind.
  (host, { uid, server }, when) => {
    const [cat, nc] = [relay(host, uid, "/usr/bin/cat", when), relay(host, uid, "/usr/bin/nc", when)];
    host.pipe(cat, nc, when);
    host.join(nc, server, when);
  },
  // A detached screen.
  (host, { uid, server }, when) => {
    const screen = relay(host, uid, "/usr/bin/screen", when);
    host.join(relay(host, uid, "/usr/bin/nc", when, screen), server, when);
  },
];

/** Through a jump host, the proxy command holds the connection. With `ssh -f` its parent has ended. */
function addProxyCommand(host: SimulatedHost, uid: number, ssh: number, when: When): void {
  const command = relay(host, uid, host.pick(["/usr/bin/ssh", "/usr/bin/nc"]), when);
  host.toOtherHost(command, when);
  host.pipe(ssh, command, when);
}

function addCli(host: SimulatedHost, { uid, folder, commit }: Target, when: When, ppid: number): number {
  const exe = `${folder}/code-${commit}`;
  return host.add({ uid, ppid, exe, argv: [exe, "command-shell"] }, when);
}

/** Every kind of connection that is use, every kind that is none, and what leaves it unknown: each in the table of its kind. */

import type { Connection } from "../../src/core/observation/connections.ts";
import { accepted, fromHost, joined, onTerminal, opened, paired, piped, toHost } from "./proc.ts";
import type { Blind, Life, SimulatedHost, SimulatedTree } from "./simulated-host.ts";
import { ALWAYS, MINUTE } from "./simulated-host.ts";

const SSHD = "/usr/lib/openssh/sshd-session";
/** The first process that is added: older than all else. */
export const LISTENER = { pid: 1001, uid: 0, ppid: 1, exe: "/usr/sbin/sshd" };
const STRANGER = 3100;
const DISPLAYS = ["/tmp/.X11-unix/X1", "@/tmp/.X11-unix/X10", "/run/user/2000/wayland-0"];
const UNIX = { kind: "unix" } as const;

type Wire = (tree: SimulatedTree, host: SimulatedHost, life: Life) => Connection[];

/** Adds an ssh session from another host. At its end the hook tags its user, or fails to. */
export function addSession(host: SimulatedHost, uid: number, life: Life): number {
  const ids = { loginUid: host.pick([uid, null]), exe: host.pick([SSHD, `${SSHD} (deleted)`]) };
  const monitor = host.chance(0.1) ? 1 : host.add({ ...ids, ppid: 1, uid: 0 }, life);
  const child = host.add({ ...ids, ppid: monitor, uid }, life);
  host.connect(life, [fromHost(child)]);
  host.sessions.push({ ...life, uid });
  if (host.chance(0.7)) host.closes.push({ uid, at: life.until });
  return child;
}

/** Adds a tunnel, which is exempt. */
export function addTunnel(host: SimulatedHost, uid: number, life: Life): SimulatedTree {
  const pid = host.add({ uid, ppid: 1, exe: "/usr/local/bin/code", argv: ["code", "tunnel"] }, life);
  const roles = { root: pid, server: pid, extensionHost: pid, terminal: pid, pids: [pid], starter: null };
  const times = { startedAt: life.from, windowAt: life.from, grace: 0 };
  const tree = { ...roles, ...times, uid, users: [uid], exempt: "a tunnel" };
  host.trees.push(tree);
  return tree;
}

/** A pair with a tunnel that started so much later than the tree. */
const withTunnel = (tree: SimulatedTree, host: SimulatedHost, later: number): Connection[] => {
  const tunnel = addTunnel(host, tree.uid, { from: tree.startedAt + later, until: ALWAYS.until });
  return paired(tree.server, tunnel.root, { farUid: tree.uid });
};
const ofAny = ({ uid }: SimulatedTree, { pick }: SimulatedHost) => ({ farUid: pick([uid, STRANGER, null]) });

/** Use by TCP, for as long as data flows. */
export const BY_TCP: readonly Wire[] = [
  (tree, { pick }) => [fromHost(pick([tree.server, tree.extensionHost]))],
  (tree, host) => [accepted(tree.server, null, ofAny(tree, host))],
  (tree) => [fromHost(tree.server, { near: [tree.server, tree.terminal] })],
  (tree, { pick }) => [tree.starter ? pick([fromHost, toHost])(tree.starter) : fromHost(tree.server)],
];

/** A connection with a session of the tree's user, or of another. */
const bySession =
  (connect: (tree: SimulatedTree, session: number) => Connection[]): Wire =>
  (tree, host, life) =>
    connect(tree, addSession(host, host.pick([...tree.users, ...tree.users, STRANGER]), life));

/** Use for as long as the connection lasts; before Linux 5.3 the kernel does not say whose a unix socket is. */
export const OTHERWISE: readonly Wire[] = [
  bySession((tree, session) => joined(session, tree.server, { idle: 10 ** 9 })),
  bySession((tree, session) => joined(session, tree.server, UNIX)),
  bySession((tree, session) => joined(tree.terminal, session)),
  bySession((tree, session) => paired(session, tree.server)),
  bySession((tree, session) => [piped(tree.server, session)]),
  bySession((tree, session) => [piped(session, tree.server)]),
  bySession((tree, session) => [onTerminal(tree.terminal, session)]),
  (tree, host) => [accepted(tree.server, null, { ...UNIX, ...ofAny(tree, host) })],
  (tree) => [accepted(tree.starter ?? tree.server, null, UNIX)],
  (tree) => [(tree.starter ? opened : accepted)(tree.starter ?? tree.server, null, UNIX)],
  (tree, { pick }) => [opened(tree.terminal, null, { ...UNIX, remote: pick(DISPLAYS) })],
  (tree) => paired(tree.server, null, { farUid: STRANGER }),
  (tree) => paired(tree.server, LISTENER.pid, { farUid: null }),
  (tree, host) => withTunnel(tree, host, -MINUTE),
];

/** What is connected and does not use the tree; the last is a program that left it, and became a tunnel. */
export const NO_USE: readonly Wire[] = [
  (tree) => [toHost(tree.extensionHost)],
  (tree, { pick }) => [opened(tree.terminal, null, { kind: pick(["tcp", "unix"] as const) })],
  (tree, { pick }) => joined(tree.extensionHost, tree.server, { kind: pick(["tcp", "unix"] as const) }),
  (tree) => [opened(tree.extensionHost, tree.terminal, { ...UNIX, remote: "/tmp/.X11-unix/X1" })],
  (tree, { pick }) => paired(tree.server, null, { farUid: pick([tree.uid, null]) }),
  (tree) => [onTerminal(tree.terminal, tree.extensionHost)],
  (tree) => joined(tree.starter ?? tree.extensionHost, tree.server, UNIX),
  (tree, host) => withTunnel(tree, host, MINUTE),
];

type Scene = { readonly host: SimulatedHost; readonly tree: SimulatedTree; readonly life: Life };
type Doubt = (scene: Scene) => Blind;

const netOf = (onlyLoopback: boolean, ...pids: number[]) => ({ id: `net:[${pids}]`, pids, onlyLoopback });
const userOf = ({ uid, users }: SimulatedTree): number => users.at(-1) ?? uid;
const addOther = (at: Scene, uid: number): number =>
  at.host.add({ uid, ppid: 1, exe: "/bin/bwrap" }, at.life);

/** What hides nothing: a network namespace of its own, and what another user makes of theirs. */
export function addNoDoubt(scene: Scene): void {
  const { host, tree, life } = scene;
  const other = addOther(scene, STRANGER);
  const [own, foreign] = [netOf(true, tree.extensionHost, tree.terminal), netOf(false, other)];
  const inside = { pid: tree.terminal, net: own.id };
  const unlisted = [inside, { pid: other, net: null }];
  const theirs = { unreadable: [other], overBudget: [STRANGER] };
  host.blinds.push({ ...life, ...theirs, unlisted, otherNets: [own, foreign] });
}

/** What leaves it unknown whether anything is connected to a tree. */
const DOUBTS_OF_ONE: readonly Doubt[] = [
  ({ host, tree }) => ({ unreadable: [host.pick([tree.server, tree.terminal, tree.starter ?? tree.root])] }),
  ({ tree }) => ({ unlisted: [{ pid: tree.starter ?? tree.server, net: null }] }),
  ({ tree }) => ({ unlisted: [{ pid: tree.terminal, net: null }] }),
  ({ tree }) => ({ otherNets: [netOf(false, tree.extensionHost)] }),
  ({ tree }) => ({ otherNets: [netOf(true, tree.extensionHost, LISTENER.pid)] }),
  // A TCP socket in no list may be of any namespace in which a process of its user lives.
  (scene) => {
    const net = netOf(true, addOther(scene, scene.tree.uid));
    return { otherNets: [net], unlisted: [{ pid: scene.tree.server, net: net.id }] };
  },
];

const hideSession: Doubt = (at) => ({ unreadable: [addSession(at.host, userOf(at.tree), at.life)] });

/** The same of other trees as well. */
const DOUBTS_OF_MORE: readonly (readonly [Doubt, (one: SimulatedTree, tree: SimulatedTree) => boolean])[] = [
  [({ tree }) => ({ overBudget: [tree.uid] }), (one, { uid }) => one.uid === uid],
  [hideSession, (one, tree) => one.users.includes(userOf(tree))],
  [() => ({ complete: false }), () => true],
];

export function addDoubt(scene: Scene): void {
  const { host, tree, life } = scene;
  const ofOne = DOUBTS_OF_ONE.map((doubt) => [doubt, () => false] as const);
  const [doubt, isMeant] = host.pick([...ofOne, ...DOUBTS_OF_MORE]);
  host.blinds.push({ ...life, ...doubt(scene) });
  const meant = host.trees.filter((one) => one === tree || isMeant(one, tree));
  host.signs.push(...meant.map((one) => ({ ...life, kind: "doubt" as const, tree: one })));
}

export function joinTrees(host: SimulatedHost, life: Life, opener: SimulatedTree, acceptor: SimulatedTree) {
  if (opener === acceptor) return;
  const init = { kind: host.pick(["tcp", "unix"] as const), farUid: opener.uid };
  host.connect(life, joined(opener.extensionHost, acceptor.server, init));
  host.joins.push({ ...life, trees: [opener, acceptor] });
}

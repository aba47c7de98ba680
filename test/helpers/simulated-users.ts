/** The users of a simulated host, their trees, and what comes and goes around them. */

import type { Proc } from "../../src/core/observation/process.ts";
import { accepted, toHost } from "./proc.ts";
import * as clients from "./simulated-clients.ts";
import type { Life, SimulatedTree } from "./simulated-host.ts";
import { ALWAYS, FIRST_SWEEP, HOUR, MINUTE, SimulatedHost } from "./simulated-host.ts";

/** By the seconds that a server itself would wait: what the policy makes of them. */
const GRACES = { "": 3 * HOUR, "36000": 3 * HOUR, "3600": HOUR, "60": 10 * MINUTE };
const JOB = { cgroups: ["/system.slice/slurmstepd.scope/job_5/step_0/user/task_0"] };
const SERVICE = { cgroups: ["/system.slice/ide.service"] };
/** What makes a whole tree exempt, of its root or in its terminal, and what of a root cannot be read. */
const EXEMPT_ROOTS = [JOB, SERVICE, { jobVariables: ["JOB_ID", "SGE_ROOT"] }, { foreignPidNs: true }];
const EXEMPT_TERMINALS = ["/home/u/conda/bin/sshd", "/usr/bin/salloc"];
const SCOPE = { cgroups: ["/user.slice/user-1.slice/user@1.service/app.slice/run-1.scope"] };
/** What runs in a terminal and is no member: a job's, what is older than its parent or was set free, a prompt. */
const NO_MEMBERS = [JOB, { startTime: 1 }, { tty: 0 }, { ignoresHangup: true }, SCOPE, { uid: 0 }];
const NO_ARGV = { argv: [], argvStatus: "timeout" } as const;
const UNREAD = [{ jobVariables: null }, { cgroups: null }, { uids: null }, NO_ARGV, { ppid: 999_999 }];

export function populate(seed: number): SimulatedHost {
  const host = new SimulatedHost(seed);
  host.add(clients.LISTENER);
  for (let i = 1 + host.below(4); i > 0; i--) addUser(host, 2000 + i);
  for (const opener of host.trees.filter(() => host.chance(0.4))) {
    const own = host.trees.filter(({ uid }) => uid === opener.uid);
    clients.joinTrees(host, host.lifeNear(), opener, host.pick(host.chance(0.7) ? own : host.trees));
  }
  for (const tree of host.trees.filter(() => host.chance(0.2))) {
    const add = host.pick([clients.addDoubt, clients.addDoubt, clients.addNoDoubt]);
    add({ host, tree, life: host.lifeNear() });
  }
  return host;
}

function addUser(host: SimulatedHost, uid: number): void {
  for (let i = host.pick([0, 0, 1, 2]); i > 0; i--) clients.addSession(host, uid, host.lifeNear());
  if (host.chance(0.7))
    host.closes.push({ uid, at: host.minuteBetween(FIRST_SWEEP - 40 * HOUR, FIRST_SWEEP) });
  for (let i = host.below(4); i > 0; i--) addTree(host, uid);
  if (host.chance(0.05)) host.keeps.push({ uid, until: host.pick(host.sweeps) + MINUTE });
  // An extension's program of an IDE that no list knows.
  const ppid = host.add({ uid, ppid: 1, exe: "/opt/other-ide/host" });
  host.add({ uid, ppid, exe: `/home/u${uid}/.vscode-server/extensions/a.b-1.0.0/bin/cpptools` });
}

function addTree(host: SimulatedHost, uid: number): void {
  const [old, recent] = [FIRST_SWEEP - 50 * HOUR, FIRST_SWEEP - 3 * HOUR];
  const startedAt = host.chance(0.8)
    ? host.minuteBetween(old, recent)
    : host.minuteBetween(recent, host.sweeps[2] ?? 0);
  const tree = grow(host, { from: startedAt, until: ALWAYS.until }, originOf(host, uid, startedAt));
  for (let i = host.pick([0, 0, 0, 1, 1, 2]); i > 0; i--) addClient(host, tree);
  for (const wire of clients.NO_USE)
    if (host.chance(0.08)) host.connect(host.lifeNear(), wire(tree, host, ALWAYS));
  if (host.chance(0.05)) clients.joinTrees(host, ALWAYS, clients.addTunnel(host, uid, host.lifeNear()), tree);
}

function addClient(host: SimulatedHost, tree: SimulatedTree): void {
  const life = host.lifeNear();
  const isTcp = host.chance(0.4);
  const old = host.pick(host.sweeps) - host.pick([11, 12, 13]) * HOUR;
  const lastData = isTcp && host.chance(0.4) ? old : undefined;
  host.connect(life, host.pick(isTcp ? clients.BY_TCP : clients.OTHERWISE)(tree, host, life), lastData);
  host.signs.push({ ...life, kind: "use", tree, lastData });
}

/** Where a tree comes from, what cannot be read of its root, and the life of a session above it. */
type Origin = Partial<Proc> & { exempt?: string; unread?: Partial<Proc>; session?: Life };

function originOf(host: SimulatedHost, uid: number, startedAt: number): Origin {
  const kind = host.below(100);
  const start = (exe: string, life?: Life, ppid = 1): number => host.add({ uid, ppid, exe }, life);
  const plain = { uid, ppid: 1, loginUid: uid };
  if (kind < 20) return { ...plain, ppid: start("/usr/bin/socat") };
  if (kind < 30) {
    const session = { from: startedAt, until: Math.max(startedAt + MINUTE, host.lifeNear().until) };
    const child = clients.addSession(host, uid, session);
    return { ...plain, ppid: start("/usr/bin/bash", session, child), session };
  }
  if (kind < 35) {
    // The user's own service manager serves all of them.
    const manager = start("/usr/lib/systemd/systemd");
    host.connect(ALWAYS, [toHost(manager), accepted(manager, null, { kind: "unix" })]);
    return { ...plain, ppid: manager };
  }
  // `sudo -iu project`: its user is whoever logged in, too.
  if (kind < 43) return { ...plain, uid: 2900 };
  if (kind < 45) return { ...plain, uid: 500, exempt: "a system account" };
  if (kind < 48) return { ...plain, ppid: start("/usr/bin/tmux"), exempt: "below tmux" };
  if (kind < 54) return { ...plain, ...host.pick<Partial<Proc>>(EXEMPT_ROOTS), exempt: "exempt by its root" };
  return kind < 60 ? { ...plain, unread: host.pick<Partial<Proc>>(UNREAD) } : plain;
}

function grow(host: SimulatedHost, life: Life, from: Origin): SimulatedTree {
  const { exempt, unread, session, uid = 0, ppid = 1, loginUid = uid, ...init } = from;
  const folder = `/home/u${uid}/${host.pick([".vscode-server", ".cursor-server", ".newfork-server"])}`;
  const commit = `${host.below(10 ** 9)}`.padStart(40, "0");
  const install = `${folder}/${host.pick([`cli/servers/Stable-${commit}/server`, `bin/${commit}`])}`;
  const [seconds, grace] = host.pick(Object.entries(GRACES));
  const flags = seconds === "" ? [] : [`--reconnection-grace-time=${seconds}`];
  const add = (parent: number, argv: readonly string[], more: Partial<Proc> = {}, during = life): number =>
    host.add({ uid, loginUid, ...init, ppid: parent, exe: argv[0] ?? null, argv, ...more }, during);
  const script = ["/bin/dash", `${install}/bin/x-server`, "--start-server", ...flags];
  const launcher = host.chance(0.8) && !unread?.argv ? add(ppid, script, unread) : null;
  const main = [`${install}/node`, `${install}/out/server-main.js`, "--port=0", ...flags];
  const server = add(launcher ?? ppid, main, launcher === null ? unread : {});
  const fork = (type: string, during = life): number =>
    add(server, [`${install}/node`, `${install}/out/bootstrap-fork`, `--type=${type}`], {}, during);
  const [extensionHost, terminalHost] = [fork("extensionHost"), fork("ptyHost")];
  const windowAt = Math.max(life.from, host.pick([0, 0, host.lifeNear().from]));
  const window = fork("extensionHost", { from: windowAt, until: life.until });
  const helper = add(extensionHost, [`${folder}/extensions/a.b-1.0.0/bin/cpptools`]);
  const terminal = add(terminalHost, ["/bin/bash"], { tty: 34_816, sid: 9, pgid: 9 });
  const start = (exe: string, more?: Partial<Proc>): number => add(terminal, [exe], { tty: 34_816, ...more });
  if (host.chance(0.1)) add(start("/usr/bin/tmux", { tty: 0 }), ["/bin/bash"]);
  for (const odd of NO_MEMBERS) if (host.chance(0.1)) start("/usr/bin/passwd", odd);
  const hasSudo = host.chance(0.03);
  if (hasSudo) add(start("/usr/bin/sudo", { uid: 0 }), ["/bin/bash"], { uid: 0 });
  const held = host.chance(0.07) ? [start(host.pick(EXEMPT_TERMINALS))] : [];
  const root = launcher ?? server;
  const tree: SimulatedTree = {
    ...{ uid, root, server, extensionHost, terminal, grace, startedAt: life.from, windowAt },
    users: [...new Set([uid, loginUid ?? uid])],
    starter: host.processes.get(ppid)?.process.exe === "/usr/bin/socat" ? ppid : null,
    pids: [...new Set([root, server, extensionHost, terminalHost, window, helper, terminal, ...held])],
    exempt: exempt ?? (hasSudo || held.length > 0 ? "what its terminal holds" : null),
  };
  host.trees.push(tree);
  if (session) host.signs.push({ ...session, kind: "use", tree });
  if (unread) host.signs.push({ ...ALWAYS, kind: unread.ppid ? "doubt" : "unread", tree });
  return tree;
}

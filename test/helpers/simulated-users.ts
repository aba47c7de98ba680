/** The users of a simulated host, their trees, what is beside them, and the truth about each at both looks. */

import type { Proc } from "../../src/core/observation/process.ts";
import { TICKS, UPTIME } from "./proc.ts";
import type { Truth } from "./simulate.ts";
import { addBystanders, addTerminal } from "./simulated-bystanders.ts";
import { addSession, CLIENTS, DEAD_ENDS, type Session, type Target } from "./simulated-clients.ts";
import { BOTH, SimulatedHost, type When } from "./simulated-host.ts";

const GRACE = 600_000;
const PRODUCTS = [
  ".vscode-server",
  ".cursor-server",
  ".windsurf-server",
  ".vscodium-server",
  ".newfork-server",
];
/** Names that a batch job's leaders have; a lone JOB_ID and other names that only resemble are nothing. */
const JOB_ENVIRONMENTS = [
  { isJob: true, all: ["SLURM_JOB_ID"] },
  { isJob: true, all: ["PBS_JOBID"] },
  { isJob: true, all: ["JOB_ID", "SGE_ROOT"] },
  { isJob: false, all: ["JOB_ID"] },
  { isJob: false, all: ["SGE_ROOT"] },
] as const;
const NO_JOB: { readonly isJob: boolean; readonly all: readonly string[] } = { isJob: false, all: [] };

type Story = "used" | "orphan" | "left" | "returned" | "reloading" | "cut off";

export interface Populated {
  readonly host: SimulatedHost;
  readonly truths: readonly [MutableTruth, MutableTruth];
  /** Milliseconds between the looks. */
  readonly gap: number;
}

export interface MutableTruth extends Truth {
  readonly connected: Map<number, string>;
  readonly protectedPids: Map<number, string>;
  readonly orphans: Map<number, { readonly withheld: boolean }>;
}

export function populate(seed: number): Populated {
  const host = new SimulatedHost(seed);
  const truth = (): MutableTruth => ({ connected: new Map(), protectedPids: new Map(), orphans: new Map() });
  const gap = GRACE + host.below(6 * GRACE);
  const populated: Populated = { host, truths: [truth(), truth()], gap };
  host.add({ ppid: 1, uid: 0, exe: "/usr/sbin/sshd", argv: ["sshd: /usr/sbin/sshd -D [listener]"] });
  const users = 1 + host.below(4);
  for (let user = 0; user < users; user++) new User(populated, 2000 + user).live();
  return populated;
}

class User {
  private readonly host: SimulatedHost;
  private readonly populated: Populated;
  private readonly uid: number;
  /** A user who has left the host, and maybe some trees on it. */
  private readonly isAway: boolean;
  private readonly sessions: Session[] = [];
  /** What is known of each tree only when all sessions of the user are. */
  private readonly judgements: (() => void)[] = [];

  constructor(populated: Populated, uid: number) {
    this.populated = populated;
    this.host = populated.host;
    this.uid = uid;
    this.isAway = this.host.chance(0.4);
  }

  live(): void {
    if (!this.isAway) for (let i = this.host.below(3); i > 0; i--) this.openSession(BOTH);
    for (let i = this.host.below(4); i > 0; i--) this.addTree();
    addBystanders(this.populated, this.uid, this.sessions);
    for (const judge of this.judgements) judge();
  }

  private openSession(when: When): Session {
    const session = addSession(this.host, this.uid, when);
    this.sessions.push(session);
    for (const pid of [session.monitor, session.child])
      if (pid !== null) this.protect([pid], "an ssh session", when);
    return session;
  }

  private addTree(): void {
    const { host } = this;
    const story = this.pickStory();
    /** When a person uses the tree, and when its connection is there. */
    const used: When = {
      used: BOTH,
      orphan: [false, false] as When,
      left: [true, false] as When,
      returned: [false, true] as When,
      reloading: BOTH,
      "cut off": BOTH,
    }[story];
    const gapAt = story === "reloading" || story === "cut off" ? host.below(2) : null;
    const connected: When = [used[0] && gapAt !== 0, used[1] && gapAt !== 1];
    const session = this.sessionFor(story, connected, used);
    const tree = this.grow(story, session);
    const client = host.pick(Object.keys(CLIENTS));
    const isBelow = story === "used" && host.chance(0.15);
    if (isBelow && session) host.change(tree.root, { ppid: this.shellOf(session, tree.startTime) });
    else if (used[0] || used[1])
      CLIENTS[client]?.(host, tree.target, session ?? this.openSession(used), connected);
    if (host.chance(story === "used" ? 0.2 : 0.4)) host.pick(DEAD_ENDS)(host, tree.target, BOTH);
    if (host.chance(0.1)) this.shareCommandLineProgram(tree, used);
    if (host.chance(0.1)) this.addOlderChild(tree);
    for (const look of [0, 1] as const)
      for (const pid of tree.members)
        if (used[look])
          this.populated.truths[look].connected.set(pid, `${story}: ${isBelow ? "below a session" : client}`);
    this.dateAndProtect(story, used, tree, session);
  }

  private pickStory(): Story {
    const { host } = this;
    if (this.isAway) return "orphan";
    if (host.chance(0.5)) return "used";
    if (host.chance(0.6)) return "orphan";
    return host.pick(["left", "returned", "reloading", "cut off"] as const);
  }

  /** A window that reloads keeps its ssh session; one that is cut off has none for that moment. */
  private sessionFor(story: Story, connected: When, used: When): Session | null {
    if (story === "orphan") return null;
    if (story === "reloading") return this.openSession(BOTH);
    if (story === "cut off") return this.openSession(connected);
    const lasting = this.sessions.filter(({ when }) => when[0] && when[1]);
    return story === "used" && lasting.length > 0 && this.host.chance(0.7)
      ? this.host.pick(lasting)
      : this.openSession(used);
  }

  /** A shell of a session, old enough to be above the tree. */
  private shellOf(session: Session, startTime: number): number {
    const shell = this.host.add({ uid: this.uid, ppid: session.child, exe: "/bin/bash", argv: ["bash"] });
    this.host.change(shell, {
      startTime: Math.min(startTime, this.host.processOf(shell)?.startTime ?? startTime),
    });
    this.protect([shell], "the shell of a live session", BOTH);
    return shell;
  }

  private grow(story: Story, session: Session | null) {
    const { host, uid } = this;
    const folder = `/home/u${uid}/${host.pick(PRODUCTS)}`;
    const commit = host.hex(40);
    const root = host.chance(0.5)
      ? `${folder}/cli/servers/Stable-${commit}/server`
      : `${folder}/bin/${commit}`;
    const isYoung = story === "orphan" && host.chance(0.15);
    const age = isYoung ? host.below(GRACE) : GRACE + host.below(20_000_000);
    const startTime = Math.floor(((UPTIME - age) * TICKS) / 1000);
    const auditSession = host.chance(0.1) ? null : host.below(1_000_000);
    const jobVariables = story === "orphan" && host.chance(0.05) ? host.pick(JOB_ENVIRONMENTS) : NO_JOB;
    const common = { uid, startTime, auditSession };
    const before = host.processes.length;
    const node = `${root}/node`;
    const launcher = host.chance(0.85)
      ? host.add({
          ...common,
          ppid: 1,
          exe: "/bin/dash",
          argv: ["sh", `${root}/bin/x-server`, "--start-server"],
          jobVariables: host.chance(0.5) ? jobVariables.all : NO_JOB.all,
        })
      : null;
    const server = host.add({
      ...common,
      ppid: launcher ?? 1,
      exe: node,
      argv: [node, `${root}/out/server-main.js`, "--port=0"],
      jobVariables: jobVariables.all,
    });
    const fork = (type: string): number =>
      host.add({
        ...common,
        ppid: server,
        exe: node,
        argv: [node, `${root}/out/bootstrap-fork`, `--type=${type}`],
      });
    const extensionHost = fork("extensionHost");
    if (host.chance(0.5))
      host.add({
        ...common,
        ppid: extensionHost,
        exe: `${folder}/extensions/a.b-1/bin/cpptools`,
        argv: ["cpptools"],
      });
    const pty = fork("ptyHost");
    const terminal = host.add({
      ...common,
      ppid: pty,
      exe: "/usr/bin/bash",
      argv: ["bash", "--init-file", "x"],
      tty: 34_816,
    });
    const members = host.processes.slice(before).map(({ process }) => process.pid);
    const held = addTerminal(this.populated, common, terminal);
    const target: Target = { uid, folder, commit, server, extensionHost, terminal };
    const leaders = launcher === null ? [server] : [launcher, server];
    return {
      root: launcher ?? server,
      server,
      members,
      target,
      leaders,
      startTime,
      age,
      jobVariables,
      held,
      session,
    };
  }

  /** A server that starts between two steps of a look may get the number of a parent that has just died. */
  private addOlderChild({ server, startTime }: ReturnType<User["grow"]>): void {
    const { host, uid } = this;
    const vim = { uid, ppid: server, exe: "/usr/bin/vim", argv: ["vim"], startTime: startTime - 10 };
    this.protect([host.add(vim)], "older than the process with its parent's number", BOTH);
  }

  /** The IDE's command-line program may serve a second window's server, which is then used as well. */
  private shareCommandLineProgram(tree: ReturnType<User["grow"]>, used: When): void {
    const { host, uid } = this;
    const { folder, commit, server } = tree.target;
    const exe = `${folder}/code-${commit}`;
    const cli = host.add(
      { uid, ppid: 1, exe, argv: [exe, "command-shell"], startTime: tree.startTime },
      BOTH,
    );
    const other = this.grow("used", null);
    host.join(cli, server, BOTH, "unix");
    host.join(cli, other.server, BOTH, "unix");
    for (const look of [0, 1] as const)
      if (used[look])
        for (const pid of [cli, ...other.members]) this.populated.truths[look].connected.set(pid, "shared");
    // Which of both is an orphan by then is this simulation's to leave open.
    const when: When = [!used[0], !used[1]];
    this.protect([cli, ...other.members], "shares its use with another tree", [
      when[0] && used[1],
      when[1] && used[0],
    ]);
  }

  private dateAndProtect(
    story: Story,
    _used: When,
    tree: ReturnType<User["grow"]>,
    session: Session | null,
  ): void {
    const { host } = this;
    const [first, second] = this.populated.truths;
    const withheld = this.withhold(tree.members, tree.leaders);
    const never =
      tree.held ?? (tree.jobVariables.isJob ? "the environment of a batch job" : null) ?? withheld.never;
    if (never !== null) this.protect(tree.members, never, BOTH);
    const root = host.chance(0.5) ? tree.root : tree.server;
    const isHere = (look: 0 | 1): boolean =>
      host.processes.some(
        ({ process, when }) => when[look] && process.uid === this.uid && /sshd/.test(process.exe ?? ""),
      );
    if (story === "used" || story === "reloading") {
      // A tag of an earlier close of another window lingers: it must not outweigh the connection.
      if (host.chance(0.3)) host.tag(root, GRACE * 3, BOTH);
      return;
    }
    if (story === "cut off") {
      if (host.chance(0.7)) host.tag(root, host.below(GRACE), session?.when[0] ? [false, true] : BOTH);
      if (session?.when[0]) this.redate(root, -this.populated.gap + host.below(GRACE));
      return;
    }
    if (story === "left") {
      if (host.chance(0.6)) host.tag(root, -host.below(this.populated.gap), [false, true]);
      // What it is at the second look depends on the tag; a first look without one only marks.
      this.judgements.push(() => {
        const tag = host.tagOf(root, 1);
        const left = tag ? UPTIME + this.populated.gap - tag.closedUptime : 0;
        if (!tag || left < GRACE || isHere(1))
          this.protect(tree.members, "a first look at an orphan", [false, true]);
      });
      return;
    }
    const closedAgo = Math.min(tree.age, host.below(GRACE * 4));
    const isOfThisBoot = host.chance(0.95);
    const isTagged = host.chance(0.5);
    if (isTagged) host.tag(root, closedAgo, BOTH, isOfThisBoot ? "b007" : "an earlier boot");
    this.judgements.push(() => {
      const tag = host.tagOf(root, 0);
      const isOneLook = tag !== undefined && UPTIME - tag.closedUptime >= GRACE && !isHere(0);
      if (!isOneLook) this.protect(tree.members, "a first look, or inside its grace", [true, false]);
      if (never !== null) return;
      if (isOneLook) first.orphans.set(tree.root, { withheld: withheld.is });
      if (story === "orphan") second.orphans.set(tree.root, { withheld: withheld.is });
    });
  }

  /** Dates a tag of the second look, in milliseconds before the first. */
  private redate(pid: number, closedAgo: number): void {
    const at = this.host.tags.findIndex(({ root }) => root === pid);
    const entry = this.host.tags[at];
    if (entry) this.host.tags[at] = { ...entry, tag: { ...entry.tag, closedUptime: UPTIME - closedAgo } };
  }

  /** Sometimes a fact about a tree cannot be had; `never`: then the tree may not be ended at all. */
  private withhold(
    members: readonly number[],
    leaders: readonly number[],
  ): { is: boolean; never: string | null } {
    const { host } = this;
    if (host.chance(0.06)) {
      host.pick([host.unreadable, host.foreignNet, host.unexplained]).push(host.pick(members));
      return { is: true, never: null };
    }
    const hide = (pid: number, more: Partial<Proc>, why: string): { is: boolean; never: string | null } => {
      host.change(pid, more);
      return { is: true, never: why };
    };
    if (host.chance(0.03))
      return hide(host.pick(leaders), { jobVariables: null }, "an environment that was not read");
    if (host.chance(0.02)) return hide(leaders[0] as number, { cgroups: null }, "cgroups that were not read");
    if (host.chance(0.02)) return hide(leaders[0] as number, { uids: null }, "user ids that were not read");
    if (host.chance(0.02)) {
      const root = host.processOf(leaders[0] as number);
      if (root?.ppid !== 1) return { is: false, never: null };
      const young = host.add({
        uid: this.uid,
        ppid: 1,
        exe: "/usr/bin/sleep",
        argv: ["sleep"],
        startTime: root.startTime + 10,
      });
      return hide(root.pid, { ppid: young }, "a parent whose number another process took");
    }
    return { is: false, never: null };
  }

  private protect(pids: readonly number[], why: string, when: When): void {
    for (const look of [0, 1] as const)
      if (when[look]) for (const pid of pids) this.populated.truths[look].protectedPids.set(pid, why);
  }
}

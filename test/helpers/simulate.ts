/**
 * A simulated login node: users, sessions, servers of several products reached in every way there is, and everything
 * that must not be hurt. The simulation knows the truth; the judge sees only what a snapshot would show, sometimes
 * with parts missing.
 */

import type { Connections, Link } from "../../src/core/observation/connections.ts";
import type { Observation, Tag } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import { INIT, NO_CONNECTIONS, observation, proc, TICKS, UPTIME } from "./proc.ts";
/** A small seeded generator (mulberry32), so that a trial can be replayed from its number. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Truth {
  /** Processes of trees that a client uses. */
  readonly connected: Set<number>;
  /** Processes that no plan may hold, and why. */
  readonly protectedPids: Map<number, string>;
  /** Roots of true orphans past their grace, and whether any fact about them was withheld. */
  readonly orphans: Map<number, { readonly withheld: boolean }>;
}

export interface World {
  readonly observation: Observation;
  readonly truth: Truth;
}

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
const SSHD = "/usr/lib/openssh/sshd-session";

type Transport = "stdio" | "tcp" | "extension-host" | "unix-forward" | "two-hops" | "none";

export function simulate(seed: number): World {
  return new Simulation(makeRandom(seed)).run();
}

class Simulation {
  private readonly random: () => number;
  private readonly processes: Proc[] = [INIT];
  private readonly links: Link[] = [];
  private readonly tags: Tag[] = [];
  private readonly unreadable: number[] = [];
  private readonly foreignNet: number[] = [];
  private readonly truth: Truth = { connected: new Set(), protectedPids: new Map(), orphans: new Map() };
  private nextPid: number;
  private nextSession = 1;

  constructor(random: () => number) {
    this.random = random;
    this.nextPid = 1000 + this.below(20_000);
  }

  run(): World {
    this.add({ ppid: 1, uid: 0, exe: "/usr/sbin/sshd", argv: ["sshd: /usr/sbin/sshd -D [listener]"] });
    const users = 1 + this.below(4);
    for (let user = 0; user < users; user++) this.user(2000 + user);
    const broken = this.chance(0.02);
    for (const orphan of this.truth.orphans.keys())
      if (broken || this.isDoubtful(orphan)) this.truth.orphans.set(orphan, { withheld: true });
    const connections: Connections = {
      ...NO_CONNECTIONS,
      complete: !broken,
      links: this.shuffled(broken ? this.links.slice(0, this.below(this.links.length + 1)) : this.links),
      unreadable: this.unreadable,
      foreignNet: this.foreignNet,
    };
    return {
      observation: observation(this.shuffled(this.processes), { connections, tags: this.tags }),
      truth: this.truth,
    };
  }

  private user(uid: number): void {
    const live = Array.from({ length: this.below(3) }, () => this.session(uid));
    for (let i = this.below(4); i > 0; i--) this.tree(uid, live);
    for (let i = this.below(4); i > 0; i--) this.bystander(uid, live);
    if (this.chance(0.05)) this.impostor(uid);
  }

  /** A live ssh session; its root monitor may have been killed. Returns the pid of the user's sshd. */
  private session(uid: number): number {
    const auditSession = this.nextSession++;
    const monitorDied = this.chance(0.1);
    const monitor = monitorDied
      ? 1
      : this.add({ ppid: 1, uid: 0, exe: SSHD, auditSession, argv: ["sshd: u [priv]"] });
    const exe = this.chance(0.1) ? `${SSHD} (deleted)` : SSHD;
    const child = this.add({ ppid: monitor, uid, exe, auditSession, argv: ["sshd: u@notty"] });
    this.protect(child, "ssh session");
    return child;
  }

  private tree(uid: number, live: readonly number[]): void {
    const folder = `/home/u${uid}/${this.pick(PRODUCTS)}`;
    const commit = this.hex(40);
    const exec = this.chance(0.5);
    const root = exec ? `${folder}/cli/servers/Stable-${commit}/server` : `${folder}/bin/${commit}`;
    const transport: Transport =
      live.length === 0 || this.chance(0.5)
        ? "none"
        : this.pick(["stdio", "tcp", "extension-host", "unix-forward", "two-hops"] as const);
    const sshd = live.length > 0 ? this.pick(live) : 0;
    const wanted = this.chance(0.15) ? this.below(GRACE) : GRACE + this.below(20_000_000);
    const startTime = Math.floor(((UPTIME - wanted) * TICKS) / 1000);
    // As the kernel tells it: in whole ticks.
    const age = UPTIME - (startTime * 1000) / TICKS;
    const auditSession = this.chance(0.1) ? null : this.nextSession++;
    // Started in a batch allocation, or by a user who wants it to look so; either way it is left alone.
    const jobVariables = this.chance(0.04) ? this.pick(JOB_ENVIRONMENTS) : NO_JOB;
    const common = { uid, startTime, auditSession };
    const before = this.processes.length;
    const top =
      transport === "stdio" ? this.add({ ...common, ppid: sshd, exe: "/bin/bash", argv: ["bash"] }) : 1;
    if (transport === "stdio") this.protect(top, "shell of a live session");
    const node = `${root}/node`;
    const launcher = this.chance(0.85)
      ? this.add({
          ...common,
          ppid: top,
          exe: "/bin/dash",
          argv: ["sh", `${root}/bin/x-server`, "--start-server"],
          jobVariables: this.chance(0.5) ? jobVariables.all : NO_JOB.all,
        })
      : top;
    const server = this.add({
      ...common,
      ppid: launcher,
      exe: node,
      argv: [node, `${root}/out/server-main.js`, "--port=0"],
      jobVariables: jobVariables.all,
    });
    const fork = (type: string): number =>
      this.add({
        ...common,
        ppid: server,
        exe: node,
        argv: [node, `${root}/out/bootstrap-fork`, `--type=${type}`],
      });
    const host = fork("extensionHost");
    if (this.chance(0.5))
      this.add({ ...common, ppid: host, exe: `${folder}/extensions/a.b-1/bin/cpptools`, argv: ["cpptools"] });
    if (this.chance(0.6)) this.terminal(common, fork("ptyHost"));
    const rootPid = launcher === top ? server : launcher;
    const members = this.processes.slice(before).map(({ pid }) => pid);
    this.connect(transport, { sshd, server, host, folder, commit, uid });
    this.noise(server);
    if (transport !== "none") {
      for (const pid of members) this.truth.connected.add(pid);
      // A tag of an earlier close of another session lingers: it must not outweigh the connection.
      if (this.chance(0.3)) this.tag(rootPid, uid, GRACE * 3);
      this.withhold(members);
      return;
    }
    const withheld =
      this.withhold(members) || this.hideEnvironment(launcher === top ? [server] : [launcher, server]);
    const closedAgo = Math.min(age, this.below(GRACE * 4));
    const tagged = this.chance(0.5) && this.tag(this.chance(0.5) ? rootPid : server, uid, closedAgo);
    const past = tagged ? closedAgo >= GRACE : age >= GRACE;
    if (jobVariables.isJob) for (const pid of members) this.protect(pid, "the environment of a batch job");
    else if (past && withheld === "environment")
      for (const pid of members) this.protect(pid, "an environment that nobody could read");
    else if (past) this.truth.orphans.set(rootPid, { withheld: withheld !== false });
    else for (const pid of members) this.protect(pid, "inside its grace");
  }

  /** Shells and what runs in them; some of it is not the tree's to lose. */
  private terminal(common: Partial<Proc>, pty: number): void {
    const bash = this.add({ ...common, ppid: pty, exe: "/usr/bin/bash", argv: ["bash", "--init-file", "x"] });
    if (this.chance(0.3))
      this.add({ ...common, ppid: bash, exe: "/usr/bin/python3", argv: ["python", "train.py"] });
    if (this.chance(0.15)) {
      const sudo = this.add({ ...common, ppid: bash, uid: 0, exe: "/usr/bin/sudo", argv: ["sudo", "-i"] });
      this.protect(sudo, "other user");
      this.protect(
        this.add({ ...common, ppid: sudo, uid: 0, exe: "/bin/bash", argv: ["bash"] }),
        "other user",
      );
    }
    if (this.chance(0.15)) {
      const tmux = this.add({
        ...common,
        ppid: this.chance(0.5) ? bash : 1,
        exe: "/usr/bin/tmux",
        argv: ["tmux"],
      });
      this.protect(tmux, "tmux");
      this.protect(this.add({ ...common, ppid: tmux, exe: "/bin/bash", argv: ["-bash"] }), "under tmux");
    }
    if (this.chance(0.1)) {
      const cgroups = ["/system.slice/slurmstepd.scope/job_5/step_0/user/task_0"];
      this.protect(this.add({ ...common, ppid: bash, cgroups, exe: "/bin/app", argv: ["app"] }), "job");
    }
  }

  private connect(
    transport: Transport,
    at: { sshd: number; server: number; host: number; folder: string; commit: string; uid: number },
  ): void {
    const { sshd, server, host } = at;
    if (transport === "tcp") this.link("tcp", sshd, server);
    if (transport === "extension-host") this.link("tcp", host, sshd);
    if (transport === "unix-forward") this.link("unix", sshd, server);
    if (transport !== "two-hops") return;
    const exe = `${at.folder}/code-${at.commit}`;
    const below = this.chance(0.5) ? sshd : 1;
    const cli = this.add({ ppid: below, uid: at.uid, exe, argv: [exe, "command-shell"] });
    this.truth.connected.add(cli);
    if (below === 1 || this.chance(0.5)) this.link("tcp", sshd, cli);
    this.link("unix", cli, this.chance(0.5) ? server : host);
  }

  /** Connections that are no client's: the user's own curl, a port scanner, an outbound download. */
  private noise(server: number): void {
    if (this.chance(0.3))
      this.links.push({
        kind: "tcp",
        pid: server,
        peerPid: null,
        local: "127.0.0.1:1",
        remote: "127.0.0.1:2",
      });
  }

  /** Editors and copies on the server's paths, and whole trees that policy or a job protects. */
  private bystander(uid: number, live: readonly number[]): void {
    const home = `/home/u${uid}/.vscode-server`;
    const ppid = live.length > 0 && this.chance(0.7) ? this.pick(live) : 1;
    const kind = this.below(7);
    const plain: readonly (readonly [string, string])[] = [
      ["/usr/bin/vim", `vim ${home}/data/Machine/settings.json`],
      ["/usr/bin/tar", `tar czf x.tgz ${home}`],
      ["/usr/bin/tail", `tail -f ${home}/.cli.log`],
      ["/usr/bin/node", `node /home/u${uid}/app/server.js`],
    ];
    const chosen = plain[kind];
    if (chosen)
      this.protect(this.add({ uid, ppid, exe: chosen[0], argv: chosen[1].split(" ") }), "editor or copy");
    const node = `${home}/bin/${this.hex(40)}/node`;
    const argv = [node, node.replace(/node$/, "out/server-main.js"), "--port=0"];
    const old = Math.floor(((UPTIME - 9_000_000) * TICKS) / 1000);
    const server = { uid, exe: node, argv, startTime: old };
    if (kind === 4)
      this.protect(this.add({ ...server, ppid: 1, cgroups: [`/slurm/uid_${uid}/job_3/step_0`] }), "job");
    if (kind === 5) {
      const tmux = this.add({ uid, ppid: 1, exe: "/usr/bin/tmux", argv: ["tmux"], startTime: old - 1 });
      this.protect(this.add({ ...server, ppid: tmux }), "under tmux");
    }
    // Its parent's number was taken by a younger process: the chain of parents is broken.
    if (kind === 6) {
      const young = this.add({ uid, ppid: 1, exe: "/usr/bin/sleep", argv: ["sleep"], startTime: old + 10 });
      this.protect(this.add({ ...server, ppid: young }), "parent unknown");
    }
  }

  /** A user's own program that claims to be sshd and connects to everything: it shields nothing. */
  private impostor(uid: number): void {
    const fake = this.add({ uid, ppid: 1, exe: `/home/u${uid}/sshd`, argv: ["sshd: u [priv]"] });
    const orphans = this.processes.filter((p) => p.uid === uid && this.truth.orphans.has(p.pid));
    for (const orphan of orphans) this.link("tcp", fake, orphan.pid);
  }

  /** An orphan's connection may lead to the one process that cannot be looked into: then nobody can tell. */
  private isDoubtful(orphan: number): boolean {
    if (this.unreadable.length === 0) return false;
    const below = (pid: number): boolean => {
      if (pid === orphan) return true;
      const parent = this.processes.find((candidate) => candidate.pid === pid)?.ppid ?? 0;
      return parent > 1 && below(parent);
    };
    return this.links.some(({ pid, peerPid }) => peerPid === null && below(pid));
  }

  /** Sometimes a fact about a tree cannot be had. */
  private withhold(members: readonly number[]): boolean {
    if (!this.chance(0.06)) return false;
    const pid = this.pick(members);
    (this.chance(0.5) ? this.unreadable : this.foreignNet).push(pid);
    return true;
  }

  /** Sometimes the environment of a leader of a tree cannot be read. */
  private hideEnvironment(leaders: readonly number[]): "environment" | false {
    if (!this.chance(0.03)) return false;
    const hidden = this.pick(leaders);
    const at = this.processes.findIndex(({ pid }) => pid === hidden);
    this.processes[at] = { ...(this.processes[at] as Proc), jobVariables: null };
    return "environment";
  }

  /** False when the tag is of an earlier boot, and so none. */
  private tag(pid: number, uid: number, closedAgo: number): boolean {
    const process = this.processes.find((candidate) => candidate.pid === pid);
    const recycled = this.chance(0.05);
    this.tags.push({
      schemaVersion: 1,
      bootId: recycled ? "an earlier boot" : "b007",
      uid,
      root: { pid, startTime: process?.startTime ?? 0 },
      auditSession: null,
      logindSession: null,
      closedAt: 0,
      closedUptime: UPTIME - closedAgo,
      product: "vscode",
      remoteHost: null,
    });
    return !recycled;
  }

  private add(init: Partial<Proc>): number {
    const pid = this.nextPid;
    this.nextPid += 1 + this.below(3);
    const uid = init.uid ?? 0;
    const parent = this.processes.find((candidate) => candidate.pid === init.ppid);
    const startTime = init.startTime ?? Math.max(2, parent?.startTime ?? 0);
    this.processes.push(
      proc({ ...init, startTime, pid, uid, uids: [uid, uid, uid, uid], sid: pid, comm: "p" }),
    );
    return pid;
  }

  private link(kind: Link["kind"], pid: number, peerPid: number): void {
    const [a, b] = this.chance(0.5) ? [pid, peerPid] : [peerPid, pid];
    this.links.push({ kind, pid: a, peerPid: b, local: "127.0.0.1:40000", remote: "127.0.0.1:51000" });
  }

  private protect(pid: number, why: string): void {
    this.truth.protectedPids.set(pid, why);
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private chance(probability: number): boolean {
    return this.random() < probability;
  }

  private pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  private hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join("");
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }
}

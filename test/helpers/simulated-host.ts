/** A host under construction: processes and sockets that exist at the first look, the second, or both. */

import type { Link } from "../../src/core/observation/connections.ts";
import type { Tag } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import { INIT, proc, TICKS, UPTIME } from "./proc.ts";

/** At which of the two looks something exists. */
export type When = readonly [first: boolean, second: boolean];
export const BOTH: When = [true, true];

/** A connection as it is; null: a process of another host, or one that nothing asks (a daemon, another user's). */
export interface Socket {
  readonly kind: Link["kind"];
  readonly opener: number | null;
  readonly acceptor: number | null;
  readonly otherHost: boolean;
  /** A socket pair does not show who opened it. */
  readonly shown: boolean;
  readonly when: When;
}

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

export class SimulatedHost {
  readonly processes: { readonly process: Proc; readonly when: When }[] = [{ process: INIT, when: BOTH }];
  readonly sockets: Socket[] = [];
  readonly tags: {
    readonly tag: Tag;
    readonly root: number;
    readonly bootId: string;
    readonly when: When;
  }[] = [];
  readonly unreadable: number[] = [];
  readonly foreignNet: number[] = [];
  readonly unexplained: number[] = [];
  readonly datagram: number[] = [];
  private readonly random: () => number;
  private nextPid: number;

  constructor(seed: number) {
    this.random = makeRandom(seed);
    this.nextPid = 1000 + this.below(20_000);
  }

  add(init: Partial<Proc>, when: When = BOTH): number {
    const pid = this.nextPid;
    this.nextPid += 1 + this.below(3);
    const uid = init.uid ?? 0;
    const parent = this.processOf(init.ppid ?? 0);
    const startTime = init.startTime ?? Math.max(2, parent?.startTime ?? 0);
    const ids = init.uids === undefined ? ([uid, uid, uid, uid] as const) : init.uids;
    const process = proc({ loginUid: uid, ...init, startTime, pid, uid, uids: ids, sid: pid, comm: "p" });
    this.processes.push({ process, when });
    return pid;
  }

  processOf(pid: number): Proc | undefined {
    return this.processes.find(({ process }) => process.pid === pid)?.process;
  }

  change(pid: number, more: Partial<Proc>): void {
    const at = this.processes.findIndex(({ process }) => process.pid === pid);
    const entry = this.processes[at];
    if (entry) this.processes[at] = { ...entry, process: { ...entry.process, ...more } };
  }

  /** `opener` opened what `acceptor` accepted. */
  join(opener: number | null, acceptor: number | null, when: When = BOTH, kind: Link["kind"] = "tcp"): void {
    this.sockets.push({ kind, opener, acceptor, otherHost: false, shown: true, when });
  }

  /** A pipe of which each has an end; no process has only one in what the kernel shows. */
  pipe(a: number, b: number, when: When): void {
    this.sockets.push({ kind: "pipe", opener: a, acceptor: b, otherHost: false, shown: false, when });
  }

  /** A socket pair, or an old kernel that does not show who opened. */
  pair(a: number, b: number, when: When): void {
    this.sockets.push({ kind: "unix", opener: a, acceptor: b, otherHost: false, shown: false, when });
  }

  fromOtherHost(acceptor: number, when: When = BOTH): void {
    this.sockets.push({ kind: "tcp", opener: null, acceptor, otherHost: true, shown: true, when });
  }

  toOtherHost(opener: number, when: When = BOTH): void {
    this.sockets.push({ kind: "tcp", opener, acceptor: null, otherHost: true, shown: true, when });
  }

  /** Tags a process as a logout `closedAgo` before the first look did. */
  tag(pid: number, closedAgo: number, when: When, bootId = "b007"): void {
    const process = this.processOf(pid);
    if (!process) return;
    const tag: Tag = {
      uid: process.uid,
      auditSession: null,
      logindSession: null,
      closedAt: 0,
      closedUptime: UPTIME - closedAgo,
      remoteHost: null,
    };
    // A later close overwrites the tag of the same tree.
    const old = this.tags.findIndex((one) => one.root === pid && one.when[1] && when[1]);
    if (old >= 0 && when[0]) this.tags.splice(old, 1);
    this.tags.push({ tag, root: pid, bootId, when });
  }

  /** The tags that a look finds: of each user the newest of this boot. */
  tagsAt(look: 0 | 1): Tag[] {
    const newest = new Map<number, Tag>();
    for (const { tag, bootId, when } of this.tags) {
      if (!when[look] || bootId !== "b007") continue;
      if (tag.closedUptime > (newest.get(tag.uid)?.closedUptime ?? -1)) newest.set(tag.uid, tag);
    }
    return [...newest.values()];
  }

  /** The tag that dates a tree at a look: its user's, if the tree is older. */
  tagOf(pid: number, look: 0 | 1): Tag | undefined {
    const { uid, startTime } = this.processOf(pid) ?? { uid: -1, startTime: 0 };
    const startedBy = ((startTime + 1) * 1000) / TICKS;
    return this.tagsAt(look).find((tag) => tag.uid === uid && tag.closedUptime >= startedBy);
  }

  /** What a look at these processes shows of the sockets. */
  linksOf(asked: ReadonlySet<number>, look: 0 | 1): Link[] {
    const ends = this.sockets
      .filter(({ when }) => when[look])
      .flatMap((socket): Link[] => {
        const end = (pid: number | null, peer: number | null, direction: "opened" | "accepted"): Link[] => {
          if (pid === null || !asked.has(pid)) return [];
          const { kind, otherHost, shown } = socket;
          const peerPid = peer !== null && asked.has(peer) ? peer : null;
          if (kind === "pipe" && peerPid === null) return [];
          const [local, remote] = otherHost
            ? ["10.0.0.1:22", "10.1.2.3:50000"]
            : ["127.0.0.1:1", "127.0.0.1:2"];
          return [{ kind, pid, peerPid, local, remote, direction: shown ? direction : "unknown", otherHost }];
        };
        return [
          ...end(socket.opener, socket.acceptor, "opened"),
          ...end(socket.acceptor, socket.opener, "accepted"),
        ];
      });
    return this.shuffled(ends);
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join("");
  }

  shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }
}

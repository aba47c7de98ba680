/** A host under construction: processes, connections and doubts, each with its life, and what a look at a time shows. */

import type { Connection, Connections } from "../../src/core/observation/connections.ts";
import type { Observation, Tag } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import type { States } from "../../src/core/verdict/states.ts";
import { INIT, NO_CONNECTIONS, observation, proc, TICKS } from "./proc.ts";

/** Every time is a whole number of minutes, in milliseconds since boot: so some meet at one instant. */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const SETTLE = 2 * MINUTE;
export const FIRST_SWEEP = 60 * HOUR;

/** `until` is the first time at which it is no more. */
export type Life = { readonly from: number; readonly until: number };
export const ALWAYS: Life = { from: 0, until: Number.POSITIVE_INFINITY };
export const isDuring = ({ from, until }: Life, at: number): boolean => from <= at && at < until;

type Numbers = "uid" | "root" | "server" | "extensionHost" | "terminal" | "startedAt" | "windowAt" | "grace";

/** A tree as it is planted: no other process may be ended with its pids; the last window came at `windowAt`. */
export interface SimulatedTree extends Readonly<Record<Numbers, number>> {
  /** Its uid, and the login uid of its root. */
  readonly users: readonly number[];
  /** What started it and lives, or null. */
  readonly starter: number | null;
  readonly pids: readonly number[];
  /** Why policy leaves it alone, or null. */
  readonly exempt: string | null;
}

/** What the rule makes of something planted; `unread`: the tree may be exempt, whatever is connected. */
type Kind = "use" | "doubt" | "unread";
/** `lastData`: when data last flowed on a TCP connection; absent: it always does, or it is none. */
type Flow = Life & { readonly lastData?: number | undefined };
export type Blind = Partial<Connections> & { readonly overBudget?: readonly number[] };
export type Seen = Observation & { readonly connections: Connections };
export type Pick = <T>(items: readonly T[]) => T;

export class SimulatedHost {
  readonly processes = new Map<number, { readonly process: Proc; readonly life: Life }>();
  readonly trees: SimulatedTree[] = [];
  readonly signs: (Flow & { readonly kind: Kind; readonly tree: SimulatedTree })[] = [];
  /** Which tree opened a connection, and which accepted it. */
  readonly joins: (Life & { readonly trees: readonly [SimulatedTree, SimulatedTree] })[] = [];
  readonly sessions: (Life & { readonly uid: number })[] = [];
  /** Closes of sessions that the hook noted, of which a sweep may have removed the tag. */
  readonly closes: { readonly uid: number; readonly at: number; isRemoved?: boolean }[] = [];
  readonly keeps: { readonly uid: number; readonly until: number }[] = [];
  private readonly wires: (Flow & { readonly connection: Connection })[] = [];
  readonly blinds: (Life & Blind)[] = [];
  /** When sweeps look for the first time. */
  readonly sweeps: readonly number[];
  readonly endedAt = new Map<number, number>();
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed, 0x9e3779b1);
    this.processes.set(1, { process: INIT, life: ALWAYS });
    const gap = (): number => this.pick([1, 2, 3, 3, 5, 26, 30]) * HOUR + this.pick([0, 0, 7 * MINUTE]);
    const second = FIRST_SWEEP + gap();
    this.sweeps = [FIRST_SWEEP, second, second + gap()];
  }

  /** Adds a process; it starts at the beginning of its life, in its parent's session or with `tty: 0` in its own. */
  add(init: Partial<Proc>, life: Life = ALWAYS): number {
    const pid = 1000 + this.processes.size;
    const sid =
      init.ppid === 1 || init.tty === 0 ? pid : (this.processes.get(init.ppid ?? 1)?.process.sid ?? pid);
    const ids = { sid, pgid: sid, startTime: Math.max(2, (life.from / 1000) * TICKS) };
    const process = proc({ ...ids, loginUid: init.uid ?? null, argv: [init.exe ?? ""], ...init, pid });
    this.processes.set(pid, { process, life });
    return pid;
  }

  isAlive(pid: number, at: number): boolean {
    const life = this.processes.get(pid)?.life;
    return life !== undefined && isDuring(life, at) && at < (this.endedAt.get(pid) ?? ALWAYS.until);
  }

  connect(life: Life, connections: readonly Connection[], lastData?: number): void {
    this.wires.push(...connections.map((connection) => ({ ...life, connection, lastData })));
  }

  lookAt(at: number, states: States): Seen {
    const isOrphaned = ({ ppid }: Proc): boolean => this.processes.has(ppid) && !this.isAlive(ppid, at);
    const processes = [...this.processes.values()]
      .filter(({ process }) => this.isAlive(process.pid, at))
      .map(({ process }) => (isOrphaned(process) ? { ...process, ppid: 1 } : process));
    const blinds = this.blinds.filter((one) => isDuring(one, at));
    const connections = this.connectionsAt(at, blinds);
    const tags = this.newestTagsAt(at);
    // A request is a process: it is seen while it lives.
    const living = this.keeps.filter(({ until }) => at < until);
    const keeps = living.map((one, i) => ({ ...one, pid: 900_000 + i, startTime: 1 }));
    const overBudget = blinds.flatMap((one) => one.overBudget ?? []);
    const seen = { ...states, takenAt: at, uptime: at, tags, keeps, overBudget };
    return { ...observation(this.shuffled(processes), seen), connections };
  }

  readonly below = (limit: number): number => Math.floor(this.random() * limit);
  readonly chance = (probability: number): boolean => this.random() < probability;
  readonly pick: Pick = (items) => items[this.below(items.length)] as (typeof items)[0];
  readonly minuteBetween = (from: number, until: number): number =>
    from + MINUTE * this.below((until - from) / MINUTE);

  /** A life that begins and ends near sweeps, often within the time in which one settles. */
  lifeNear(): Life {
    const sweep = this.pick(this.sweeps);
    const near = [-24 * HOUR, -3 * HOUR, -HOUR, -MINUTE, 0, MINUTE, SETTLE, HOUR, 3 * HOUR];
    const moment = (): number => sweep + this.pick(near) + this.pick([0, this.minuteBetween(-HOUR, HOUR)]);
    const [a, b] = [moment(), moment()];
    return { from: Math.min(a, b), until: this.chance(0.2) ? ALWAYS.until : Math.max(a, b) + MINUTE };
  }

  /** Seeded, so that a host can be made again from its number. */
  private random(): number {
    this.state = Math.imul(this.state ^ (this.state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return ((this.state ^ (this.state >>> 13)) >>> 0) / 2 ** 32;
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => [this.random(), item] as const);
    return keyed.sort(([a], [b]) => a - b).map(([, item]) => item);
  }

  private newestTagsAt(at: number): Tag[] {
    const past = this.closes.filter((one) => one.at <= at).sort((a, b) => a.at - b.at);
    const newest = [...new Map(past.map((close) => [close.uid, close])).values()];
    const none = { auditSession: null, logindSession: null, remoteHost: null, closedAt: 0 };
    const left = newest.filter(({ isRemoved }) => !isRemoved);
    return left.map(({ uid, at: closedUptime }) => ({ ...none, uid, closedUptime }));
  }

  private connectionsAt(at: number, blinds: readonly Blind[]): Connections {
    const alive = (pids: readonly number[]): number[] => pids.filter((pid) => this.isAlive(pid, at));
    const connections = this.wires.flatMap(({ connection, lastData, ...life }): Connection[] => {
      const [near, far] = [alive(connection.near), alive(connection.far)];
      const isDead = near.length === 0 || (far.length === 0 && connection.far.length > 0);
      if (isDead || !isDuring(life, at)) return [];
      return [{ ...connection, near, far, idle: lastData ? Math.max(0, at - lastData) : connection.idle }];
    });
    return {
      ...NO_CONNECTIONS,
      complete: !blinds.some(({ complete }) => complete === false),
      connections: this.shuffled(connections),
      unreadable: alive(blinds.flatMap(({ unreadable }) => unreadable ?? [])),
      unlisted: blinds.flatMap(({ unlisted }) => unlisted ?? []),
      otherNets: blinds.flatMap(({ otherNets }) => otherNets ?? []),
    };
  }
}

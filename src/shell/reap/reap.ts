/** Reap: look again, TERM, wait, KILL, and count only the processes that are verified dead. */

import { constants } from "node:os";
import type { Fault } from "../../core/observation/fault.ts";
import { keyOf, type Proc } from "../../core/observation/process.ts";
import { INTERRUPTED, type Outcome } from "../../core/reap/outcome.ts";
import { confirmPlan } from "../../core/reap/second-look.ts";
import { makeTracker, refreshTrackedTree, type TrackedTree } from "../../core/reap/tracked-tree.ts";
import type { HostView } from "../../core/tree/host-view.ts";
import { isServerRole } from "../../core/tree/tree.ts";
import type { Judgement } from "../../core/verdict/judge.ts";
import type { Native } from "../host/native.ts";

const { SIGTERM, SIGCONT, SIGSTOP, SIGKILL } = constants.signals;
/** Rounds of stop, rescan and kill before a tree that forks faster is reported instead. */
const KILL_ROUNDS = 3;
/**
 * Rescans within a round for what the members forked before they were stopped. Stopped processes count towards their user's
 * limit of processes, so a storm stands still there: fork bombs of a shell with a limit of 2,000 took up to six (measured).
 */
const STOP_RESCANS = 6;

export interface ReapPorts {
  readonly native: Native;
  /** Milliseconds between SIGTERM and SIGKILL, and for which a killed process is waited for. */
  readonly termWait: number;
  readonly killWait: number;
  /** Keys of processes that an earlier sweep could not end. */
  readonly stuck: ReadonlySet<string>;
  /** Aborted when the sweep is asked to end: from then on no tree gets a first signal, and none its SIGKILL. */
  readonly stop: AbortSignal;
  /** Looks at all processes of these users, without sockets. */
  readonly rescan: (uids: readonly number[]) => Promise<HostView>;
  /** Looks at all processes of these users and their sockets, and judges. */
  readonly rejudge: (uids: readonly number[]) => Promise<{
    readonly view: HostView;
    readonly judgements: readonly Judgement[];
  }>;
}

export interface Reaped {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  /** True when the kernel has no pidfd: identities were checked and not pinned. */
  readonly weak: boolean;
  /** How many processes of the plan live on because the sweep was asked to end. */
  readonly left: number;
}

/** Ends the trees of a plan, all at once. A tree that gained a client since the judgement is spared. */
export async function reap(plan: readonly Judgement[], ports: ReapPorts): Promise<Reaped> {
  const uids = [...new Set(plan.map(({ tree }) => tree.uid))];
  const { view, judgements } = await ports.rejudge(uids);
  const { confirmed, spared } = confirmPlan(plan, judgements);
  if (confirmed.length === 0) return { outcomes: spared, faults: [], weak: false, left: 0 };
  const reaping = new Reaping(ports, uids, confirmed, view);
  await reaping.terminate();
  await reaping.kill();
  const { faults, weak } = reaping;
  return { outcomes: [...reaping.outcomes(), ...spared], faults, weak, left: reaping.left };
}

/** A tree being ended, changed in place as it dies. */
interface DyingTree {
  readonly judgement: Judgement;
  readonly tracked: TrackedTree;
}

class Reaping {
  readonly faults: Fault[] = [];
  weak = false;
  /** How many processes an interrupt before the first SIGKILL left alive; 0 without one. */
  left = 0;
  private hasBegun = false;
  private readonly trees: readonly DyingTree[];
  /** What was sent SIGSTOP and not yet SIGCONT. */
  private readonly stopped = new Map<string, Proc>();
  private readonly ports: ReapPorts;
  private readonly uids: readonly number[];

  constructor(ports: ReapPorts, uids: readonly number[], confirmed: readonly Judgement[], before: HostView) {
    this.ports = ports;
    this.uids = uids;
    const track = makeTracker(
      confirmed.map(({ tree }) => tree),
      before,
    );
    this.trees = confirmed.map((judgement) => ({ judgement, tracked: track(judgement.tree) }));
  }

  /** Sends SIGTERM to the servers, which fold their own trees, and wakes stopped processes so that they receive it. */
  async terminate(): Promise<void> {
    if (this.ports.stop.aborted) return;
    this.hasBegun = true;
    for (const { tracked } of this.trees) {
      const { alive, tree } = tracked;
      for (const process of alive)
        if (process.pid === tree.root.pid || isServerRole(tree.recognised.get(process.pid)?.role))
          this.signal(process, SIGTERM);
      for (const process of alive) if (process.state === "T") this.signal(process, SIGCONT);
    }
    await this.ports.native.waitGone(this.awaited(), this.ports.termWait);
  }

  /**
   * Kills what is left. Whatever happens, nothing stays stopped. An interrupt before the first SIGKILL leaves what outlived
   * its SIGTERM; a later one finds the rounds nearly done, and they are finished.
   */
  async kill(): Promise<void> {
    if (this.ports.stop.aborted) {
      // Guard: what dies before a signal was sent is not this sweep's doing.
      if (this.hasBegun) await this.rescan();
      this.left = this.alive().length;
      return;
    }
    try {
      await this.killInRounds();
    } finally {
      this.release();
    }
  }

  /** Rounds of: stop all, so that nothing forks unseen; rescan until all that lives is stopped; SIGKILL; verify. */
  private async killInRounds(): Promise<void> {
    for (let round = 0; round < KILL_ROUNDS; round++) {
      await this.rescan();
      if (this.alive().length === 0) return;
      for (let rescans = 0; rescans < STOP_RESCANS; rescans++) {
        for (const process of this.alive()) this.stop(process);
        await this.rescan();
        if (this.alive().every((process) => this.stopped.has(keyOf(process)))) break;
      }
      // Children first: if this program dies in between, what is left still hangs on what a later sweep recognises.
      for (const process of this.alive().reverse()) this.signal(process, SIGKILL);
      await this.ports.native.waitGone(this.awaited(), this.ports.killWait);
      if (this.awaited().length === 0) break;
    }
    await this.rescan();
  }

  outcomes(): Outcome[] {
    return this.trees.map(({ judgement, tracked: { known, alive } }) => {
      const survivors = new Set(alive.map(keyOf));
      const killed = [...known.values()].filter((process) => !survivors.has(keyOf(process)));
      if (this.left > 0)
        return { judgement, killed, survivors: [], spared: killed.length === 0 ? INTERRUPTED : null };
      return { judgement, killed, survivors: alive, spared: null };
    });
  }

  private alive(): Proc[] {
    return this.trees.flatMap(({ tracked }) => tracked.alive);
  }

  /** Guard: what an earlier sweep could not end costs no wait again; a user can have any number of such processes. */
  private awaited(): Proc[] {
    return this.alive().filter((process) => !this.ports.stuck.has(keyOf(process)));
  }

  private async rescan(): Promise<void> {
    try {
      const now = await this.ports.rescan(this.uids);
      for (const { tracked } of this.trees) refreshTrackedTree(tracked, now);
    } catch (error) {
      this.faults.push({ what: "read the process table again", detail: (error as Error).message });
      await this.dropTheDead();
    }
  }

  /** Without a process table, asks which known processes still live; new ones cannot be found. */
  private async dropTheDead(): Promise<void> {
    const living = new Set((await this.ports.native.waitGone(this.alive(), 0)).map(keyOf));
    for (const { tracked } of this.trees)
      tracked.alive = tracked.alive.filter((process) => living.has(keyOf(process)));
  }

  private stop(process: Proc): void {
    this.stopped.set(keyOf(process), process);
    this.signal(process, SIGSTOP);
  }

  /** Wakes everything that was stopped: what SIGKILL did not end is a later sweep's. */
  private release(): void {
    for (const process of this.stopped.values()) this.send(process, SIGCONT);
    this.stopped.clear();
  }

  private send(process: Proc, signo: number): ReturnType<Native["signal"]> {
    return this.ports.native.signal(process, process.uid, signo, process.loginUid);
  }

  private signal(process: Proc, signo: number): void {
    const { outcome, weak } = this.send(process, signo);
    this.weak ||= weak;
    if (outcome === "denied")
      this.faults.push({
        what: "signal",
        pid: process.pid,
        detail: "refused; check CAP_KILL, and that /proc and a free descriptor can be had",
      });
  }
}

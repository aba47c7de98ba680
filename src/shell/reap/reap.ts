/** Reap: look again, TERM, wait, KILL, and count only the processes that are verified dead. */

import { constants } from "node:os";
import type { Fault } from "../../core/observation/fault.ts";
import type { Observation } from "../../core/observation/observation.ts";
import { keyOf, type Proc, type ProcId } from "../../core/observation/process.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Outcome } from "../../core/reap/outcome.ts";
import { confirm } from "../../core/reap/second-look.ts";
import { rescanOf, type TrackedTree, track, trackedTreeOf } from "../../core/reap/tracked-tree.ts";
import { killableCgroupsOf, whyNotOnlyThisTree } from "../../core/reap/whole-cgroup.ts";
import type { Judgement } from "../../core/verdict/judge.ts";
import { cgroupFolder, isPopulated, killCgroup, membersOf } from "../host/cgroup.ts";
import type { Native } from "../host/native.ts";
import { beforeEnd } from "./on-termination.ts";

const { SIGTERM, SIGCONT, SIGSTOP, SIGKILL } = constants.signals;
/** Rounds of stop, look and kill before a tree that forks faster is reported instead. */
const KILL_ROUNDS = 5;
/** Looks within a round at what the members forked before they were stopped. */
const STOP_LOOKS = 3;
/** How long the kernel gets to bury what was killed; longer means uninterruptible sleep. */
const KILL_WAIT_MS = 2000;

export interface ReapPorts {
  readonly native: Native;
  readonly policy: Policy;
  /** A new look at all processes of these users, without sockets. */
  readonly look: (uids: readonly number[]) => Promise<Observation>;
  /** A new look with sockets, and its judgement. */
  readonly rejudge: (uids: readonly number[]) => Promise<{
    readonly observation: Observation;
    readonly judgements: readonly Judgement[];
  }>;
}

export interface Reaped {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  /** True when the kernel has no pidfd: identities were checked and not pinned. */
  readonly weak: boolean;
}

/** Ends the trees of a plan, all at once. A tree that gained a client since the judgement is spared. */
export async function reap(plan: readonly Judgement[], ports: ReapPorts): Promise<Reaped> {
  const uids = [...new Set(plan.map(({ tree }) => tree.uid))];
  const again = await ports.rejudge(uids);
  const { confirmed, spared } = confirm(plan, again.judgements);
  const hunt = new Reaping(ports, uids, confirmed, again.observation);
  await hunt.findEnclosures();
  await hunt.terminate();
  await hunt.kill();
  return { outcomes: [...hunt.outcomes(), ...spared], faults: hunt.faults, weak: hunt.weak };
}

/** A tree being ended. */
interface DyingTree {
  readonly judgement: Judgement;
  readonly quarry: TrackedTree;
  readonly alive: readonly Proc[];
  /** The cgroups that held this tree alone before the first signal. */
  readonly enclosures: readonly string[];
}

class Reaping {
  readonly faults: Fault[] = [];
  weak = false;
  private quarries: DyingTree[];
  /** What was sent SIGSTOP. */
  private readonly stopped = new Map<string, Proc>();

  private readonly ports: ReapPorts;
  private readonly uids: readonly number[];
  /** What the trees were judged by, right before the first signal. */
  private readonly before: Observation;

  constructor(
    ports: ReapPorts,
    uids: readonly number[],
    confirmed: readonly Judgement[],
    before: Observation,
  ) {
    this.ports = ports;
    this.uids = uids;
    this.before = before;
    this.quarries = confirmed.map((judgement) => {
      const quarry = trackedTreeOf(judgement.tree);
      return { judgement, quarry, alive: judgement.tree.members, enclosures: [] };
    });
  }

  /** Which cgroups hold nothing but one tree; later, when signals have been sent, nobody could tell any more. */
  async findEnclosures(): Promise<void> {
    const found: DyingTree[] = [];
    for (const prey of this.quarries) {
      const enclosures: string[] = [];
      for (const path of killableCgroupsOf(prey.judgement.tree))
        if ((await this.whyNotKillCgroup(prey.quarry, path)) === null) enclosures.push(path);
      found.push({ ...prey, enclosures });
    }
    this.quarries = found;
  }

  /** SIGTERM to the servers, so that they fold their own trees; a stopped process is woken to hear it. */
  async terminate(): Promise<void> {
    for (const { judgement, alive } of this.quarries) {
      const { tree } = judgement;
      for (const process of alive) {
        const role = tree.recognised.get(process.pid)?.role;
        const isServer = role !== undefined && role !== "worker" && role !== "helper";
        if (process.pid === tree.root.pid || isServer) this.signal(process, SIGTERM);
      }
      for (const process of alive) if (process.state === "T") this.signal(process, SIGCONT);
    }
    await this.ports.native.waitGone(this.alive().map(idOf), this.ports.policy.termWait);
  }

  /** Rounds of: stop all, so that nothing forks unseen; look until nothing new appears; SIGKILL; verify. */
  async kill(): Promise<void> {
    const unwatch = beforeEnd(() => this.release());
    try {
      await this.killInRounds();
    } finally {
      unwatch();
      this.release();
    }
    for (const prey of this.quarries) for (const path of prey.enclosures) await this.killCgroupOf(prey, path);
  }

  private async killInRounds(): Promise<void> {
    for (let round = 0; round < KILL_ROUNDS; round++) {
      await this.look();
      if (this.alive().length === 0) return;
      for (let looks = 0; looks < STOP_LOOKS; looks++) {
        const before = this.alive().length;
        for (const process of this.alive()) this.stop(process);
        await this.look();
        if (this.alive().length <= before) break;
      }
      // Children first: if this program dies in between, what is left still hangs on what a later sweep recognises.
      for (const process of this.alive().reverse()) this.signal(process, SIGKILL);
      await this.ports.native.waitGone(this.alive().map(idOf), KILL_WAIT_MS);
    }
    await this.look();
  }

  outcomes(): Outcome[] {
    return this.quarries.map(({ judgement, quarry, alive }) => {
      const survivors = new Set(alive.map(keyOf));
      const killed = [...quarry.known.values()].filter((process) => !survivors.has(keyOf(process)));
      return { judgement, killed, survivors: alive, spared: null };
    });
  }

  /** Forks that outran the rounds end with the cgroup, where it is the tree's alone. */
  private async killCgroupOf({ judgement, alive }: DyingTree, path: string): Promise<void> {
    const fault = (detail: string): void => {
      this.faults.push({ what: `end the cgroup ${path} as a whole`, detail });
    };
    try {
      const folder = cgroupFolder(path);
      if (folder === null || !isPopulated(folder)) return;
      const quarry = this.quarries.find((prey) => prey.judgement === judgement)?.quarry;
      const why = quarry ? await this.whyNotKillCgroup(quarry, path) : "it is no longer hunted";
      if (why === null) {
        await killCgroup(folder);
        await this.look();
        if (isPopulated(folder)) fault("something in it lives on");
      } else if (alive.length > 0) fault(why);
    } catch (error) {
      fault((error as Error).message);
    }
  }

  private async whyNotKillCgroup(quarry: TrackedTree, path: string): Promise<string | null> {
    try {
      const folder = cgroupFolder(path);
      if (folder === null) return "this kernel cannot";
      return whyNotOnlyThisTree(quarry, await membersOf(folder, path), this.before, this.ports.policy);
    } catch (error) {
      return (error as Error).message;
    }
  }

  private alive(): Proc[] {
    return this.quarries.flatMap(({ alive }) => alive);
  }

  private async look(): Promise<void> {
    try {
      const scene = rescanOf(await this.ports.look(this.uids), this.ports.policy);
      this.quarries = this.quarries.map((prey) => ({
        ...prey,
        ...track(prey.quarry, scene, this.before.uptime),
      }));
    } catch (error) {
      this.faults.push({ what: "look at the process table again", detail: (error as Error).message });
      await this.lookAtKnown();
    }
  }

  /** Without a process table, the known processes can still be told dead or alive; new ones cannot be found. */
  private async lookAtKnown(): Promise<void> {
    const living = new Set((await this.ports.native.waitGone(this.alive().map(idOf), 0)).map(keyOf));
    this.quarries = this.quarries.map((entry) => ({
      ...entry,
      alive: entry.alive.filter((process) => living.has(keyOf(process))),
    }));
  }

  private stop(process: Proc): void {
    this.stopped.set(keyOf(process), process);
    this.signal(process, SIGSTOP);
  }

  /** Nothing stays stopped: what SIGKILL did not end goes on, and is a later sweep's. */
  private release(): void {
    for (const process of this.stopped.values()) this.send(process, SIGCONT);
    this.stopped.clear();
  }

  private send(process: Proc, signo: number): ReturnType<Native["signal"]> {
    return this.ports.native.signal(idOf(process), process.uid, signo, process.loginUid);
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

const idOf = ({ pid, startTime }: Proc): ProcId => ({ pid, startTime });

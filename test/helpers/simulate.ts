/**
 * A simulated login node, looked at twice a grace apart: users, sessions, servers of several products reached in every
 * way there is, and everything that must not be hurt. The simulation knows who is at the keyboard; the judge sees only
 * what the two steps of a look would show, sometimes with parts missing.
 */

import { usersToAsk } from "../../src/core/evidence/evidence.ts";
import { mayRelay } from "../../src/core/evidence/use-graph.ts";
import type { Connections } from "../../src/core/observation/connections.ts";
import { mergeConnections, mergeProcesses } from "../../src/core/observation/merge.ts";
import type { Mark, Observation } from "../../src/core/observation/observation.ts";
import type { Proc } from "../../src/core/observation/process.ts";
import { viewOf } from "../../src/core/tree/host-view.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { NO_CONNECTIONS, observation, UPTIME } from "./proc.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import { populate } from "./simulated-users.ts";

/** What is true at one look. */
export interface Truth {
  /** Processes of trees that a person uses, or is about to use again, and how. */
  readonly connected: ReadonlyMap<number, string>;
  /** Processes that no plan may hold, and why. */
  readonly protectedPids: ReadonlyMap<number, string>;
  /** Roots of orphans without a living relay, and whether a fact about them was withheld. */
  readonly orphans: ReadonlyMap<number, { readonly withheld: boolean }>;
}

export interface World {
  /** The first look. */
  readonly observation: Observation;
  readonly truth: Truth;
  /** The second one, more than the grace later; marks and tags are what the first left. */
  readonly later: (marks: readonly Mark[], droppedTags: ReadonlySet<number>) => Observation;
  readonly laterTruth: Truth;
}

export function simulate(seed: number): World {
  const { host, truths, gap } = populate(seed);
  const broken = host.chance(0.02);
  const hide = broken || host.unreadable.length + host.unexplained.length > 0;
  const [truth, laterTruth] = truths.map(({ orphans, ...rest }) => ({
    ...rest,
    orphans: new Map(
      [...orphans].map(([root, one]) => [
        root,
        { withheld: one.withheld || (hide && broken) || isDoubtful(host, root) },
      ]),
    ),
  })) as unknown as [Truth, Truth];
  return {
    observation: lookAt(host, 0, UPTIME, broken, []),
    truth,
    later: (marks, dropped) => {
      const seen = lookAt(host, 1, UPTIME + gap, broken, marks);
      return {
        ...seen,
        tags: seen.tags.filter(({ uid, closedUptime }) => closedUptime > UPTIME || !dropped.has(uid)),
      };
    },
    laterTruth,
  };
}

/** What the two steps of a look see. */
function lookAt(
  host: SimulatedHost,
  look: 0 | 1,
  uptime: number,
  broken: boolean,
  marks: readonly Mark[],
): Observation {
  const { catalogue } = DEFAULT_POLICY;
  const all = host.processes.filter(({ when }) => when[look]).map(({ process }) => process);
  const tags = host.tagsAt(look);
  const base = observation(host.shuffled(firstStep(all)), { tags, marks, uptime, relaysOf: [] });
  const first = viewOf(base, catalogue);
  const members = first.trees.flatMap((tree) => tree.members);
  const servers = [...first.sshd.genuine.values(), ...first.sshd.impostors];
  const connections = connectionsOf(host, look, [...members, ...servers], broken);
  const asked = [...members, ...servers].map(({ pid }) => pid);
  const users = usersToAsk(viewOf({ ...base, connections }, catalogue));
  if (users.length === 0) return { ...base, connections };
  const processes = mergeProcesses(
    base.processes,
    all.filter(({ uid }) => users.includes(uid)),
    users,
  );
  const second = viewOf({ ...base, processes }, catalogue);
  const theirs = second.trees.filter(({ uid }) => users.includes(uid)).flatMap((tree) => tree.members);
  const relays = processes.filter((process) => users.includes(process.uid) && mayRelay(process));
  const inSecond = [...theirs, ...servers, ...relays];
  const again = {
    asked: inSecond.map(({ pid }) => pid),
    connections: connectionsOf(host, look, inSecond, broken),
  };
  const merged = mergeConnections({ asked, connections }, again);
  return { ...base, processes, relaysOf: users, connections: merged };
}

/** What the scan returns before any user is asked for all processes: trees, ssh servers, what is above or below them. */
function firstStep(all: readonly Proc[]): Proc[] {
  const { trees, sshd, table } = viewOf(observation(all), DEFAULT_POLICY.catalogue);
  const kept = new Set<Proc>();
  const add = (process: Proc | undefined): void => {
    if (!process || kept.has(process)) return;
    kept.add(process);
    add(table.byPid.get(process.ppid));
  };
  for (const process of all) if (process.exe === null) add(process);
  for (const process of [...sshd.genuine.values(), ...sshd.impostors]) add(process);
  for (const tree of trees)
    for (const process of [...tree.members, ...tree.sparedBelow.map((one) => one.process)]) add(process);
  return [...kept];
}

/** What a look at the sockets of these processes shows. */
export function connectionsOf(
  host: SimulatedHost,
  look: 0 | 1,
  asked: readonly Proc[],
  broken: boolean,
): Connections {
  const pids = new Set(asked.map(({ pid }) => pid));
  const links = host.linksOf(pids, look);
  const among = (list: readonly number[]): number[] => list.filter((pid) => pids.has(pid));
  return {
    ...NO_CONNECTIONS,
    complete: !broken,
    links: broken ? links.slice(0, host.below(links.length + 1)) : links,
    unreadable: among(host.unreadable),
    foreignNet: among(host.foreignNet),
    unexplained: among(host.unexplained),
    datagram: among(host.datagram),
  };
}

/** An orphan's connection may lead to the one process that cannot be looked into: then nothing shows who it is. */
function isDoubtful(host: SimulatedHost, orphan: number): boolean {
  if (host.unreadable.length === 0) return false;
  const isBelow = (pid: number | null): boolean =>
    pid !== null &&
    (pid === orphan ||
      isBelow((host.processOf(pid)?.ppid ?? 0) > 1 ? (host.processOf(pid)?.ppid ?? null) : null));
  return host.sockets.some(({ opener, acceptor }) => isBelow(opener) || isBelow(acceptor));
}

/** The clock: when a tree showed its last sign of use, and what that was. */

import { type Observation, startedAt, type Tag, type TreeState } from "../observation/observation.ts";
import { keyOf } from "../observation/process.ts";
import type { HostView } from "../tree/host-view.ts";
import { sessionsOf } from "../tree/sshd.ts";
import { type Tree, usersOf } from "../tree/tree.ts";

/**
 * What closes and starts of sessions move the clock for at most, after the mark, in milliseconds: a cron job over ssh must
 * not shield an orphan for ever.
 */
const SESSIONS_MOVE = 24 * 3_600_000;

/** Since when a tree is unused. Times are milliseconds since boot. */
export interface Clock {
  /** The last sign of use. */
  readonly at: number;
  /** What it was: "its session closed then". */
  readonly sign: string;
  /** The first sweep that found it an orphan since it was last seen in use; this one, if none did before. */
  readonly mark: number;
  /** The last close of a session of its user that it outlived, and since which no sweep saw it in use; null: none. */
  readonly tag: Tag | null;
  /** The last sweep that saw it in use; 0: none did. */
  readonly usedAt: number;
  /** Whether its user has a live ssh session on this host. */
  readonly userIsHere: boolean;
  /** What earlier sweeps noted of it; null: nothing. */
  readonly state: TreeState | null;
}

/** Makes the clock of every tree. */
export function clocksOf(view: HostView): Map<Tree, Clock> {
  const states = new Map(view.observation.states.map((state) => [keyOf(state), state]));
  return new Map(view.trees.map((tree) => [tree, clockOf(tree, view, states.get(keyOf(tree.root)) ?? null)]));
}

function clockOf(tree: Tree, { observation, sshd, table }: HostView, state: TreeState | null): Clock {
  const { uptime } = observation;
  const users = usersOf(tree);
  const usedAt = usedAtOf(tree, observation, state);
  const marked = state?.orphanAt ?? null;
  const mark = marked !== null && marked >= usedAt ? marked : uptime;
  const tag = tagOf(tree, observation, usedAt);
  const sessions = sessionsOf(sshd, users, table);
  // The last sweep that saw it in use is not a sign of its own: it is not later than the mark, and it outdates a tag.
  const signs: { readonly at: number; readonly sign: string }[] = [];
  const add = (at: number, sign: string): void => {
    signs.push({ at: Math.min(at, uptime), sign });
  };
  if (tag) add(Math.min(tag.closedUptime, mark + SESSIONS_MOVE), "a session of its user closed then");
  else
    add(
      mark,
      mark === uptime ? "this sweep is the first to find it unused" : "a sweep first found it unused then",
    );
  for (const worker of tree.members) {
    const name = tree.recognised.get(worker.pid)?.perClient;
    if (name) add(startedAt(worker, observation), `its ${name} ${worker.pid} started then, for a client`);
  }
  for (const session of sessions)
    add(
      Math.min(startedAt(session, observation), mark + SESSIONS_MOVE),
      `the ssh session ${session.pid} of its user started then`,
    );
  const last = signs.reduce((a, b) => (b.at > a.at ? b : a));
  return { ...last, mark, tag, usedAt, userIsHere: sessions.length > 0, state };
}

/**
 * When a sweep last saw a tree in use. One that is older than the last sweep and has no state was skipped by it, or has lost
 * the process that was its root: it counts as used then, so that no tag from before dates it.
 */
function usedAtOf({ root }: Tree, observation: Observation, state: TreeState | null): number {
  if (state !== null) return state.usedAt ?? 0;
  const { lastSweepAt } = observation;
  return lastSweepAt !== null && startedAt(root, observation) <= lastSweepAt ? lastSweepAt : 0;
}

/** The newest close of a session of the tree's user that came after the tree's start and after its last use. */
function tagOf(tree: Tree, observation: Observation, usedAt: number): Tag | null {
  const users = usersOf(tree);
  // A start time is cut to a clock tick, so a tree of the same tick may be younger than the close.
  const start = startedAt(tree.root, observation) + 1000 / observation.ticksPerSecond;
  return observation.tags
    .filter(({ uid, closedUptime }) => users.includes(uid) && start <= closedUptime && closedUptime > usedAt)
    .reduce<Tag | null>((a, b) => (a && a.closedUptime >= b.closedUptime ? a : b), null);
}

/** What JSON and the ledger say of the close of a session that dates a tree. */
export function closeOf({ tag }: Clock) {
  return {
    tagged: tag !== null,
    closedAt: tag ? new Date(tag.closedAt).toISOString() : null,
    remoteHost: tag?.remoteHost ?? null,
  };
}

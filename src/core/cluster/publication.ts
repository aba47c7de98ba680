/**
 * What login nodes tell each other: who is attached where. A node believes another in one thing only, that an orphan's
 * user has come back there since; all else it sees for itself. User ids are taken to mean the same users everywhere.
 */

import * as v from "valibot";
import type { HostView } from "../evidence/host-view.ts";
import type { Observation, RemoteAttachment } from "../observation/observation.ts";
import type { Outcome } from "../reap/outcome.ts";
import { formatDuration } from "../text/duration.ts";
import { isHostName } from "../text/safe-text.ts";
import type { Tree } from "../tree/tree.ts";
import type { Judgement } from "../verdict/judge.ts";

/** A user with a client on the node that says so. Times are milliseconds since the epoch by that node's clock. */
export interface Attached {
  readonly uid: number;
  /** How many of his trees are in use. */
  readonly trees: number;
  /** When the newest ssh connection began that reaches one of them. */
  readonly since: number;
}

export interface Publication {
  readonly schemaVersion: 1;
  readonly host: string;
  readonly bootId: string;
  readonly writtenAt: number;
  readonly attached: readonly Attached[];
}

/** A stamp this far ahead of the own clock is of a clock that cannot be believed. */
export const MAX_AHEAD_MS = 300_000;

export const MAX_FILE_BYTES = 1_048_576;

export const MAX_FILES = 1000;

export const fileOf = (host: string): string => `${host}.json`;

/** What this host tells: only trees with a client that was seen, never those of which that is unknown. */
export function publicationOf(
  view: HostView,
  judgements: readonly Judgement[],
  outcomes: readonly Outcome[],
): Publication {
  const { observation } = view;
  const ended = new Set(outcomes.filter(({ spared }) => spared === null).map(({ judgement }) => judgement));
  const inUse = judgements.filter((one) => one.unforced === "spare" && !ended.has(one));
  const byUser = new Map<number, { trees: number; since: number | null }>();
  const starts = sshdStarts(view);
  for (const { tree } of inUse) {
    const so = byUser.get(tree.uid) ?? { trees: 0, since: null };
    const since = attachedSince(tree, observation, starts);
    byUser.set(tree.uid, {
      trees: so.trees + 1,
      since: since === null ? so.since : Math.max(since, so.since ?? since),
    });
  }
  return {
    schemaVersion: 1,
    host: observation.host,
    bootId: observation.bootId,
    writtenAt: observation.takenAt,
    attached: [...byUser]
      .flatMap(([uid, { trees, since }]) => (since === null ? [] : [{ uid, trees, since }]))
      .sort((a, b) => a.uid - b.uid),
  };
}

function sshdStarts({ observation, sshd }: HostView): ReadonlyMap<number, number> {
  const bootedAt = observation.takenAt - observation.uptime;
  return new Map(
    [...sshd.genuine.values()]
      // An ssh server that is pid 1 of a container is everybody's ancestor and nobody's session.
      .filter(({ pid }) => pid !== 1)
      .map(({ pid, startTime }) => {
        const at = Math.round(bootedAt + (startTime / observation.ticksPerSecond) * 1000);
        return [pid, Math.min(at, observation.takenAt)] as const;
      }),
  );
}

/** When the newest ssh server process began that is above the tree or connected to it; null: none is, directly. */
function attachedSince(
  tree: Tree,
  observation: Observation,
  starts: ReadonlyMap<number, number>,
): number | null {
  const members = new Set(tree.members.map(({ pid }) => pid));
  const peers = (observation.connections?.links ?? []).flatMap(({ pid, peerPid }) => {
    if (peerPid === null) return [];
    return members.has(pid) ? [peerPid] : members.has(peerPid) ? [pid] : [];
  });
  const found = [...tree.ancestors.map(({ pid }) => pid), ...peers].flatMap((pid) => starts.get(pid) ?? []);
  return found.length === 0 ? null : found.reduce((a, b) => Math.max(a, b));
}

/** The clock and the limits that another node's file is read with. */
export interface Reading {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly maxAge: number;
  /** This host: its own file tells it nothing. */
  readonly host: string;
  readonly bootId: string;
  readonly bootedAt: number;
  /** Users whose trees are here. */
  readonly uids: readonly number[];
}

const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const publication = v.object({
  schemaVersion: v.literal(1),
  host: v.string(),
  bootId: v.string(),
  writtenAt: time,
  attached: v.array(
    v.object({
      uid: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_fffe)),
      trees: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)),
      since: time,
    }),
  ),
});

/** What one file of the folder says of these users; stale, it says nothing. `error`: why it is not believed. */
export function readPublication(
  name: string,
  text: string,
  modifiedAt: number,
  reading: Reading,
): { elsewhere: RemoteAttachment[] } | { error: string } {
  const named = name.replace(/\.json$/, "");
  if (!isHostName(named)) return { error: "its name is no host's name" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: `is not JSON: ${(error as Error).message}` };
  }
  const checked = v.safeParse(publication, value);
  if (!checked.success) {
    const issue = checked.issues[0];
    return { error: `${v.getDotPath(issue) ?? "the whole"}: ${issue.message}` };
  }
  const { host, bootId, writtenAt, attached } = checked.output;
  // Guard: a file speaks for the host that it is named after and for no other.
  if (host !== named) return { error: `speaks for another host, ${host}` };
  if (host === reading.host) {
    // Two hosts of one name would overwrite each other's file and both take it for their own.
    const another = bootId !== reading.bootId && writtenAt > reading.bootedAt + MAX_AHEAD_MS;
    return another ? { error: `another host calls itself ${host}, too` } : { elsewhere: [] };
  }
  // Guard: stamps of the future would be fresh for ever. Either stamp may be of the clock that is wrong.
  const ahead = Math.max(writtenAt, modifiedAt) - reading.now;
  if (ahead > MAX_AHEAD_MS)
    return { error: `is dated ${formatDuration(ahead)} ahead of this host's clock; synchronise the clocks` };
  if (attached.some(({ since }) => since > writtenAt))
    return { error: "tells of connections that began after it was written" };
  // A node that is switched off leaves its file behind: that is old, and nothing is wrong.
  if (reading.now - Math.min(writtenAt, modifiedAt) > reading.maxAge) return { elsewhere: [] };
  const wanted = new Set(reading.uids);
  return {
    elsewhere: attached
      .filter(({ uid }) => wanted.has(uid))
      .map(({ uid, trees, since }) => ({ host, uid, trees, since, seenAt: writtenAt })),
  };
}

/**
 * The file in which a login node tells the others which users are attached there. A node takes one thing from another:
 * that the user of an orphan has connected there since. A user id means the same user on every node.
 */

import * as v from "valibot";
import type { Use } from "../evidence/evidence.ts";
import type { Observation, RemoteAttachment } from "../observation/observation.ts";
import type { Outcome } from "../reap/outcome.ts";
import { formatDuration } from "../text/duration.ts";
import { parseJson, wholeNumber } from "../text/parse-json.ts";
import { isHostName } from "../text/safe-text.ts";
import type { Judgement } from "../verdict/judge.ts";

/** A user with a client on the node that wrote the file. Times are milliseconds since the epoch by its clock. */
export interface Attached {
  readonly uid: number;
  /** How many of their trees are in use. */
  readonly trees: number;
  /** When the newest ssh connection that reaches one of them began. */
  readonly since: number;
}

export interface Publication {
  readonly schemaVersion: 1;
  readonly host: string;
  readonly bootId: string;
  readonly writtenAt: number;
  readonly attached: readonly Attached[];
}

/** A time further ahead than this means that one of the two clocks is wrong. */
export const MAX_AHEAD_MS = 300_000;

/** Two thousand users with a client at once; a file has 60 bytes for each. */
export const MAX_FILE_BYTES = 131_072;

export const MAX_FILES = 1000;

/** Guard: a compromised node can fill the folder with files of root's. Thousand honest ones of 100 users are 6 MB. */
export const MAX_TOTAL_BYTES = 8 * 1_048_576;

export const fileOf = (host: string): string => `${host}.json`;

/** Makes what this host publishes: only trees that their own user was seen to use, never a tree in doubt. */
export function publicationOf(
  observation: Observation,
  judgements: readonly Judgement[],
  outcomes: readonly Outcome[],
): Publication {
  const ended = new Set(outcomes.filter(({ spared }) => spared === null).map(({ judgement }) => judgement));
  const byUser = new Map<number, { trees: number; since: number | null }>();
  for (const judgement of judgements) {
    if (judgement.unforced !== "spare" || judgement.use?.own !== true || ended.has(judgement)) continue;
    const { uid } = judgement.tree;
    const { trees, since } = byUser.get(uid) ?? { trees: 0, since: null };
    const newest = [since, attachedSince(judgement.use, observation)].filter((time) => time !== null);
    byUser.set(uid, { trees: trees + 1, since: newest.length > 0 ? Math.max(...newest) : null });
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

/** When the newest ssh session began through which a tree is used; null: it is used without one. */
function attachedSince({ sessions }: Use, observation: Observation): number | null {
  const bootedAt = observation.takenAt - observation.uptime;
  const starts = sessions.map(({ startTime }) => {
    const at = Math.round(bootedAt + (startTime / observation.ticksPerSecond) * 1000);
    return Math.min(at, observation.takenAt);
  });
  return starts.length > 0 ? Math.max(...starts) : null;
}

/** The clock and the limits for reading another node's file. */
export interface ReadOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly maxAge: number;
  /** This host; its own file is not used. */
  readonly host: string;
  readonly bootId: string;
  readonly bootedAt: number;
  /** The users with a tree on this host. */
  readonly uids: readonly number[];
}

const publication = v.object({
  schemaVersion: v.literal(1),
  host: v.string(),
  bootId: v.string(),
  writtenAt: wholeNumber,
  attached: v.array(
    v.object({
      uid: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_fffe)),
      trees: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)),
      since: wholeNumber,
    }),
  ),
});

/** Reads one file of the folder. A stale file says nothing; `error` is the reason why a file is not used. */
export function readPublication(
  name: string,
  text: string,
  modifiedAt: number,
  reading: ReadOptions,
): { elsewhere: RemoteAttachment[] } | { error: string } {
  const named = name.replace(/\.json$/, "");
  if (!isHostName(named)) return { error: "its name is not a host name" };
  const parsed = parseJson(publication, text);
  if ("error" in parsed)
    return { error: parsed.reason === "syntax" ? `is not JSON: ${parsed.error}` : parsed.error };
  const { host, bootId, writtenAt, attached } = parsed.value;
  // Guard: a file counts only for the host that it is named after.
  if (host !== named) return { error: `speaks for another host, ${host}` };
  if (host === reading.host) {
    // Two hosts of one name would overwrite each other's file, and each would take it for its own.
    const another = bootId !== reading.bootId && writtenAt > reading.bootedAt + MAX_AHEAD_MS;
    return another ? { error: `another host is also called ${host}` } : { elsewhere: [] };
  }
  // Guard: a time in the future would stay fresh for ever. Either of the two times may come from the wrong clock.
  const ahead = Math.max(writtenAt, modifiedAt) - reading.now;
  if (ahead > MAX_AHEAD_MS)
    return { error: `is dated ${formatDuration(ahead)} ahead of this host's clock; synchronise the clocks` };
  if (attached.some(({ since }) => since > writtenAt))
    return { error: "lists connections that began after it was written" };
  // A node that is switched off leaves an old file behind; that is not a fault.
  if (reading.now - Math.min(writtenAt, modifiedAt) > reading.maxAge) return { elsewhere: [] };
  const wanted = new Set(reading.uids);
  return {
    elsewhere: attached
      .filter(({ uid }) => wanted.has(uid))
      .map(({ uid, trees, since }) => ({ host, uid, trees, since, seenAt: writtenAt })),
  };
}

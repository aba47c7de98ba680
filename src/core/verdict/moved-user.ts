/** Has an orphan's user come back on another login node? */

import type { Observation, RemoteAttachment, Tag } from "../observation/observation.ts";
import type { Tree } from "../tree/tree.ts";

/** Nodes of a cluster keep time together to a fraction of this; a later event is one that is later by more. */
const CLOCK_SLACK_MS = 5000;

/**
 * The other node that this orphan's user has moved to, or null: one where a connection of his began after the session
 * here closed. One that is older tells nothing: he has windows on both nodes, and the one that was cut off here may be
 * coming back within its grace.
 *
 * Without a tag nothing shows when this tree was left, so no connection elsewhere can be said to be later: it waits for
 * its grace like any other. Nor is a mark such a date, for he may have used the tree since, between two sweeps.
 */
export function nodeMovedTo(tree: Tree, tag: Tag | null, observation: Observation): RemoteAttachment | null {
  if (tag === null) return null;
  // By the uptime of the close, so that a step of this host's clock since then moves both alike.
  const closedAt = observation.takenAt - (observation.uptime - tag.closedUptime);
  const later = (observation.elsewhere ?? []).filter(
    ({ uid, since, host }) =>
      uid === tree.uid && host !== observation.host && since > closedAt + CLOCK_SLACK_MS,
  );
  return later.reduce<RemoteAttachment | null>(
    (best, one) => (best && best.since >= one.since ? best : one),
    null,
  );
}

import { type Keep, type Observation, startedAt } from "./observation.ts";
import { exePath, type Proc } from "./process.ts";

/**
 * Finds the requests to keep: the processes that run root's own program for it, also if an upgrade has replaced the file.
 * Guard: in a user or mount namespace of its own a user could put any file at that path.
 */
export function keepsIn(
  seen: Pick<Observation, "processes" | "takenAt" | "uptime" | "ticksPerSecond">,
  program: string,
): Keep[] {
  const isRequest = ({ exe, foreignUserNs, foreignMntNs }: Proc): boolean =>
    exe !== null && exePath(exe) === program && foreignUserNs !== true && foreignMntNs !== true;
  return seen.processes.filter(isRequest).map(({ uid, pid, startTime, argv: [, seconds = ""] }) => {
    const began = seen.takenAt - seen.uptime + startedAt({ pid, startTime }, seen);
    const until = /^\d{1,8}$/.test(seconds) ? Math.round(began + Number(seconds) * 1000) : null;
    return { uid, pid, startTime, until };
  });
}

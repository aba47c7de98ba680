import type { Keep, Observation } from "./observation.ts";
import { exePath } from "./process.ts";

/**
 * Finds the requests to keep: the processes that run root's own program for it, also if an upgrade has replaced the file.
 * Guard: in a user or mount namespace of its own a user could put any file at that path.
 */
export function keepsIn(
  {
    processes,
    takenAt,
    uptime,
    ticksPerSecond,
  }: Pick<Observation, "processes" | "takenAt" | "uptime" | "ticksPerSecond">,
  program: string,
): Keep[] {
  return processes
    .filter(
      ({ exe, foreignUserNs, foreignMntNs }) =>
        exe !== null && exePath(exe) === program && foreignUserNs !== true && foreignMntNs !== true,
    )
    .map(({ uid, pid, startTime, argv }) => {
      const seconds = /^\d{1,8}$/.test(argv[1] ?? "") ? Number(argv[1]) : null;
      const startedAt = takenAt - uptime + (startTime * 1000) / ticksPerSecond;
      return { uid, pid, startTime, until: seconds === null ? null : Math.round(startedAt + seconds * 1000) };
    });
}

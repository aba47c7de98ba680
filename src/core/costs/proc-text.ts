/** Reads the kernel's texts about costs: proc_pid_stat(5), proc_pid_fdinfo(5), cgroup limits. */

/** CPU time in clock ticks, and the start time that identifies the process; null: not a stat file. */
export function parseStat(text: string): { readonly startTime: number; readonly cpuTicks: number } | null {
  // The name may hold anything, parentheses and spaces too.
  const end = text.lastIndexOf(")");
  const fields = text
    .slice(end + 2)
    .split(" ")
    .map(Number);
  // The fields after the name begin with number 3: utime to cstime are 14 to 17, starttime is 22.
  const [utime = Number.NaN, stime = Number.NaN, cutime = Number.NaN, cstime = Number.NaN] = fields.slice(
    11,
    15,
  );
  const startTime = fields[19] ?? Number.NaN;
  const cpuTicks = utime + stime + cutime + cstime;
  return end > 0 && Number.isSafeInteger(cpuTicks) && Number.isSafeInteger(startTime)
    ? { startTime, cpuTicks }
    : null;
}

/** A limit of a cgroup: "max" and the huge numbers of version 1 are none. */
export function parseLimit(text: string): number | null {
  const value = Number(text.trim());
  return text.trim() !== "" && Number.isFinite(value) && value < 2 ** 60 ? value : null;
}

const WATCH = "inotify wd:";

/** Counts watches in pieces of an fdinfo file. `rest`: the end of the piece before, too short for a whole word. */
export function countWatches(rest: string, piece: string): { readonly count: number; readonly rest: string } {
  const text = rest + piece;
  const count = text.split(WATCH).length - 1;
  return { count, rest: text.slice(1 - WATCH.length) };
}

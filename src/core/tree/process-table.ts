import type { Proc, ProcId } from "../observation/process.ts";
import { groupBy } from "../text/group-by.ts";

/** A process table with its parents checked. */
export interface ProcTable {
  readonly byPid: ReadonlyMap<number, Proc>;
  readonly children: ReadonlyMap<number, readonly Proc[]>;
}

/** A dead process kept only for its exit status; a `Z` whose other threads run is alive. */
export function isDead(process: Proc): boolean {
  return process.state === "X" || (process.state === "Z" && process.threads <= 1);
}

export function makeTable(processes: readonly Proc[]): ProcTable {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const withParent = [...byPid.values()].filter((process) => parentOf({ byPid }, process) !== null);
  const inOrder = withParent.sort((a, b) => a.pid - b.pid);
  return { byPid, children: groupBy(inOrder, ({ ppid }) => ppid) };
}

/** The parent, or null: none, not in the table, or another process under its number. */
export function parentOf<P extends ProcId & { readonly ppid: number }>(
  { byPid }: { readonly byPid: ReadonlyMap<number, P> },
  process: P,
): P | null {
  const parent = byPid.get(process.ppid);
  // Guard: a parent younger than its child is another process under a recycled number.
  return parent && parent.pid !== process.pid && parent.startTime <= process.startTime ? parent : null;
}

/** Parents from the nearest upward; stops at pid 1, at a gap, and at a cycle (a table of text may hold one). */
export function ancestorsOf(table: ProcTable, process: Proc): { ancestors: Proc[]; broken: boolean } {
  const ancestors: Proc[] = [];
  const met = new Set([process.pid]);
  let current = process;
  for (;;) {
    if (current.ppid <= 0 && current.ppid !== -1) return { ancestors, broken: false };
    const parent = parentOf(table, current);
    if (!parent) return { ancestors, broken: current.ppid !== 1 };
    if (met.has(parent.pid)) return { ancestors, broken: true };
    met.add(parent.pid);
    ancestors.push(parent);
    current = parent;
  }
}

// What it costs to ask users for their other processes: those whose tree would otherwise be an orphan and has a client.

/** Orphans, each of another user, and how many other processes each of these users has. */
const ORPHANS = 20;
const OTHERS = 40;

/** One host with a dead end connected to every orphan, and one without; sweeps of both, the trees in their grace. */
export async function measureRelays(processes: number, runs: number): Promise<RelayCost> {
  const [asked, unasked] = [await sweepOf(processes, runs, true), await sweepOf(processes, runs, false)];
  return { processes, orphans: ORPHANS, others: OTHERS, runs, asked, unasked };
}

async function sweepOf(processes: number, runs: number, connected: boolean): Promise<Cost> {
  const host = await startLoginNode(processes - ORPHANS * (OTHERS + 1), false);
  const stage = await startTree(
    range(ORPHANS).flatMap((user) => userWith(user, connected)),
    {
      endAfterTest: false,
    },
  );
  try {
    requireAsked(connected);
    const config = join(WORK, "relays.toml");
    writeFileSync(config, NO_YOUNG);
    const program = [...SWEEP, "-c", config];
    // The first sweep marks the orphans; none is past its grace.
    time(1, [program, PS]);
    // `ps` in between: a sweep's helper may hold the lock a moment longer than the sweep.
    const [sweep = []] = time(runs, [program, PS]);
    requireStatus(sweep, [0], "the sweep");
    return { wall: median(sweep.map(({ wall }) => wall)), cpu: median(sweep.map(({ cpu }) => cpu)) };
  } finally {
    await stage.end();
    await host.end();
  }
}

/** A server, a process that is connected to it or not, and the rest. */
function userWith(user: number, connected: boolean): PlanNode[] {
  const { exe, argv, uid } = serverLine(user, 1);
  const other = { exe: puppetAt(join(WORK, "bin", "python3.11")), argv: ["python3"], uid };
  const name = `server ${user}`;
  return [
    { exe, argv, uid, name, behaviours: ["tcp-listen"] },
    { ...other, behaviours: connected ? [`tcp-connect=@${name}`] : [] },
    ...range(OTHERS - 1).map(() => other),
  ];
}

/** Without the second step nothing would be measured: it alone shows the other end. */
function requireAsked(connected: boolean): void {
  const text = execFileSync(NODE, [PROGRAM, "snapshot"], { encoding: "utf8", maxBuffer: 1 << 28 });
  const { relaysOf = [] } = JSON.parse(text) as { relaysOf?: readonly number[] };
  if (relaysOf.length !== (connected ? ORPHANS : 0))
    throw new Error(`the other processes of ${relaysOf.length} users were asked`);
}

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PlanNode, startTree } from "../test/helpers/puppet.ts";
import { puppetAt, serverLine, startLoginNode } from "./host.ts";
import type { Cost, RelayCost } from "./results.ts";
import { median, NO_YOUNG, NODE, PROGRAM, PS, range, requireStatus, SWEEP, time, WORK } from "./tools.ts";

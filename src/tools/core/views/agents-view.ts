/** `list --agents`: every coding agent, daemon and kernel, who runs it and whether a sweep would ever end it. */

import { type TreeCosts, treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import type { Proc, ProcId } from "../../../core/observation/process.ts";
import { type Catalogue, isBusyKind, type Kind, type Product } from "../../../core/recognition/catalogue.ts";
import { rulesAt } from "../../../core/recognition/program-rules.ts";
import { runOf } from "../../../core/recognition/recognise.ts";
import { formatMemory } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import { isMultiplexer } from "../../../core/tree/boundary.ts";
import { ancestorsOf, isDead, makeTable, type ProcTable } from "../../../core/tree/process-table.ts";
import { workSince } from "../../../core/verdict/agents.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";
import type { Column } from "../text/shown.ts";
import { type NameOf, secondsOrDash } from "./list-view.ts";

const SHOWN: readonly Kind[] = ["agent", "kernel", "tunnel"];

/** One agent with what it has started. */
export interface AgentRow extends Omit<TreeCosts, "threads"> {
  readonly root: ProcId;
  readonly uid: number;
  readonly product: string;
  /** "own": its user runs it, and no sweep recognises it. */
  readonly kind: Kind;
  readonly ageSeconds: number;
  /** Seconds without work, as far back as a sweep looked; 0: it works; null: no sweep has looked at it. */
  readonly idleSeconds: number | null;
  /** Its tree's; "never": it is in none, or below a terminal multiplexer, so no sweep ends it. */
  readonly verdict: Verdict | "never";
  readonly reason: string;
}

/** Names the agent or the kernel whose program a process runs, whoever started it and whatever for; null: of none. */
export function agentProgramOf(process: Pick<Proc, "exe" | "argv">, catalogue: Catalogue): Product | null {
  const run = runOf(process, catalogue);
  if (!run) return null;
  const script = run.by === "shell" ? undefined : run.argv?.[run.at ?? run.argv.length];
  const products = rulesAt(script ?? run.exe, catalogue).map(({ product }) => catalogue.byId.get(product));
  return products.find((product) => product !== undefined && isBusyKind(product.kind)) ?? null;
}

/** Lists agents, kernels and tunnels, and agents that their users run, each with what it has started. */
export function agentRows(
  observation: Observation,
  judgements: readonly Judgement[],
  catalogue: Catalogue,
): AgentRow[] {
  const table = makeTable(observation.processes);
  const judged = new Map(
    judgements.flatMap((one) => one.tree.members.map((member) => [member.pid, one] as const)),
  );
  const found = new Map<number, Pick<AgentRow, "product" | "kind">>();
  for (const process of table.byPid.values()) {
    if (isDead(process)) continue;
    const known = judged.get(process.pid)?.tree.recognised.get(process.pid);
    if (known && SHOWN.includes(known.kind)) found.set(process.pid, known);
    const program = known ? null : agentProgramOf(process, catalogue);
    if (program) found.set(process.pid, { product: program.id, kind: "own" });
  }
  return [...found].flatMap(([pid, { product, kind }]): AgentRow[] => {
    const root = table.byPid.get(pid);
    if (!root) return [];
    const above = ancestorsOf(table, root).ancestors.filter(({ uid }) => uid === root.uid);
    if (above.some((one) => found.has(one.pid))) return [];
    const judgement = judged.get(pid);
    const { threads: _, ...costs } = treeCosts(
      { members: membersOf(root, table) },
      observation.ticksPerSecond,
    );
    const inMultiplexer = above.some((one) => isMultiplexer(one, catalogue));
    return [
      {
        root: { pid, startTime: root.startTime },
        uid: root.uid,
        product,
        kind,
        ageSeconds: Math.floor(ageOf(root, observation) / 1000),
        ...costs,
        idleSeconds: judgement ? idleSeconds(judgement, observation) : null,
        ...endOf(pid, inMultiplexer, judgement),
      },
    ];
  });
}

/** A process and its living descendants of the same user. */
function membersOf(root: Proc, table: ProcTable): Proc[] {
  const members = new Set([root]);
  for (const process of members)
    for (const child of table.children.get(process.pid) ?? [])
      if (child.uid === root.uid && !isDead(child)) members.add(child);
  return [...members];
}

function idleSeconds({ tree, clock }: Judgement, observation: Observation): number | null {
  const before = clock.state?.cpu;
  const { busy } = workSince(tree, before, observation);
  if (busy === "yes") return 0;
  return busy === "no" && before ? Math.floor((observation.uptime - before.at) / 1000) : null;
}

/** Whether a sweep would end it, and why. */
function endOf(
  pid: number,
  inMultiplexer: boolean,
  judgement: Judgement | undefined,
): Pick<AgentRow, "verdict" | "reason"> {
  if (inMultiplexer) return { verdict: "never", reason: "runs in a terminal multiplexer" };
  if (!judgement) return { verdict: "never", reason: "its user runs it" };
  const { tree, verdict, reasons } = judgement;
  return { verdict, reason: tree.root.pid === pid ? reasons.join("; ") : `part of tree ${tree.root.pid}` };
}

/** The columns of `list --agents`. */
export const agentColumns = (nameOf: NameOf): Column<AgentRow>[] => [
  { head: "PID", right: true, of: ({ root }) => String(root.pid) },
  { head: "USER", of: ({ uid }) => escapeText(nameOf(uid)) },
  { head: "PRODUCT", of: ({ product }) => product },
  { head: "KIND", of: ({ kind }) => kind },
  { head: "AGE", right: true, of: ({ ageSeconds }) => secondsOrDash(ageSeconds) },
  { head: "CPU", right: true, of: ({ cpuSeconds }) => secondsOrDash(cpuSeconds) },
  { head: "MEMORY", right: true, of: ({ memoryKiB }) => formatMemory(memoryKiB) },
  { head: "PROCS", right: true, rank: 1, of: ({ processes }) => String(processes) },
  {
    head: "IDLE",
    right: true,
    rank: 2,
    of: ({ idleSeconds }) => (idleSeconds === 0 ? "busy" : secondsOrDash(idleSeconds)),
  },
  { head: "VERDICT", of: ({ verdict }) => verdict },
  { head: "WHY", of: ({ reason }) => escapeText(reason) },
];

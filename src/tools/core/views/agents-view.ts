/** `list --agents`: every coding agent, daemon and kernel, who runs it and whether a sweep would ever end it. */

import { treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import type { Proc } from "../../../core/observation/process.ts";
import { type Catalogue, isBusyKind, type Kind, type Product } from "../../../core/recognition/catalogue.ts";
import { rulesAt } from "../../../core/recognition/program-rules.ts";
import { runOf } from "../../../core/recognition/recognise.ts";
import { formatMemory } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import { isMultiplexer } from "../../../core/tree/boundary.ts";
import { ancestorsOf, isDead, makeTable } from "../../../core/tree/process-table.ts";
import { allBelow } from "../../../core/tree/tree.ts";
import { workSince } from "../../../core/verdict/agents.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";
import type { Column } from "../text/shown.ts";
import { type NameOf, secondsOrDash } from "./list-view.ts";

const SHOWN: readonly Kind[] = ["agent", "kernel", "tunnel"];

/** Names the agent or the kernel whose program a process runs, whoever started it and whatever for; null: of none. */
export function agentProgramOf(process: Pick<Proc, "exe" | "argv">, catalogue: Catalogue): Product | null {
  const run = runOf(process, catalogue);
  if (!run) return null;
  const script = run.by === "shell" ? undefined : run.argv?.[run.at ?? run.argv.length];
  const products = rulesAt(script ?? run.exe, catalogue).map(({ product }) => catalogue.byId.get(product));
  return products.find((product) => product !== undefined && isBusyKind(product.kind)) ?? null;
}

/** Lists agents, kernels and tunnels, and agents that their users run, each with what it has started. */
export function agentRows(observation: Observation, judgements: readonly Judgement[], catalogue: Catalogue) {
  const table = makeTable(observation.processes);
  const judged = new Map(
    judgements.flatMap((one) => one.tree.members.map((member) => [member.pid, one] as const)),
  );
  const found = new Map<Proc, { readonly product: string; readonly kind: Kind }>();
  for (const process of table.byPid.values()) {
    if (isDead(process)) continue;
    const known = judged.get(process.pid)?.tree.recognised.get(process.pid);
    if (known && SHOWN.includes(known.kind)) found.set(process, known);
    const program = known ? null : agentProgramOf(process, catalogue);
    // Its user runs it, and no sweep recognises it.
    if (program) found.set(process, { product: program.id, kind: "own" });
  }
  return [...found].flatMap(([root, { product, kind }]) => {
    const above = ancestorsOf(table, root).ancestors.filter(({ uid }) => uid === root.uid);
    if (above.some((one) => found.has(one))) return [];
    const judgement = judged.get(root.pid);
    const members = allBelow(table, root).filter((one) => !isDead(one));
    const costs = treeCosts({ members }, observation.ticksPerSecond);
    const inMultiplexer = above.some((one) => isMultiplexer(one, catalogue));
    return {
      root: { pid: root.pid, startTime: root.startTime },
      uid: root.uid,
      product,
      kind,
      ageSeconds: Math.floor(ageOf(root, observation) / 1000),
      cpuSeconds: costs.cpuSeconds,
      memoryKiB: costs.memoryKiB,
      processes: costs.processes,
      idleSeconds: judgement ? idleSeconds(judgement, observation) : null,
      ...endOf(root.pid, inMultiplexer, judgement),
    };
  });
}

/** One agent with what it has started. */
export type AgentRow = ReturnType<typeof agentRows>[number];

/** Seconds without work, as far back as a sweep looked; 0: it works; null: no sweep has looked at it. */
function idleSeconds({ tree, clock }: Judgement, observation: Observation): number | null {
  const before = clock.state?.cpu;
  const { busy } = workSince(tree, before, observation);
  if (busy === "yes") return 0;
  return busy === "no" && before ? Math.floor((observation.uptime - before.at) / 1000) : null;
}

/** The verdict of its tree, and why; "never": it is in none, or in a terminal multiplexer, so no sweep ends it. */
function endOf(pid: number, inMultiplexer: boolean, judgement: Judgement | undefined) {
  if (inMultiplexer) return { verdict: "never", reason: "runs in a terminal multiplexer" } as const;
  if (!judgement) return { verdict: "never", reason: "its user runs it" } as const;
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

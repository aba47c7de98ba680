/**
 * Whether a tree is in use. One rule: it is while anything outside it is connected to it, or an ssh session is above it or at
 * an end of one of its streams. Facts with the values yes, no or unknown; nothing here decides.
 */

import type { HostView } from "../tree/host-view.ts";
import type { Tree } from "../tree/tree.ts";
import { type Doubt, type DoubtCode, doubtAbove, doubtAround } from "./doubt.ts";
import { groupsOf, type TreeSources } from "./groups.ts";
import { makeOutside, sessionsAbove, type UseCode, type Way, waysInto } from "./use.ts";

export type Value = "yes" | "no" | "unknown";

export interface Fact {
  readonly fact: string;
  readonly value: Value;
  readonly detail: string;
}

export interface Evidence {
  /** The two facts that decide. */
  readonly ancestor: Fact;
  readonly client: Fact;
  /** Why the tree is in use; null: nothing is known to use it. */
  readonly use: UseCode | null;
  /** The code of the first fact that is unknown; null: none is. */
  readonly doubt: DoubtCode | null;
  /** Every tree that this one is connected with, itself among them: they are judged together. */
  readonly group: readonly Tree[];
}

/** How the evidence is collected. */
export interface EvidenceOptions {
  /** Trees that count as outside for the others (tunnels, web servers, what its user keeps), and why. */
  readonly sources?: TreeSources;
  /** After so many milliseconds without data a TCP connection is not use; null: it counts for ever. */
  readonly silentAfter: number | null;
}

/** Collects the evidence for every tree. */
export function collectEvidence(
  view: HostView,
  { sources = new Map(), silentAfter }: EvidenceOptions,
): Map<Tree, Evidence> {
  const found = new Map<Tree, Evidence>();
  const outside = makeOutside(view, sources, silentAfter);
  for (const group of groupsOf(view, sources)) {
    const above = sessionsAbove(group, outside);
    const { ways: around, silent } = waysInto(group, outside);
    const doubts = [
      group.trees.map((tree) => doubtAbove(tree, view)).find((one) => one !== null) ?? null,
      group.trees.map((tree) => doubtAround(tree, group, view)).find((one) => one !== null) ?? null,
    ] as const;
    const ancestor = factOf("ancestor", above, doubts[0], "no ssh session is above it");
    const client = factOf("client", around, doubts[1], ["no client is connected", ...silent].join("; "));
    const unknown = [ancestor, client].findIndex(({ value }) => value === "unknown");
    const ways = [...above, ...around];
    const evidence: Evidence = {
      ancestor,
      client,
      use: ways[0]?.code ?? null,
      doubt: doubts[unknown]?.code ?? null,
      group: group.trees,
    };
    for (const tree of group.trees) found.set(tree, evidence);
  }
  return found;
}

function factOf(fact: string, [way]: readonly Way[], doubt: Doubt | null, no: string): Fact {
  if (way) return { fact, value: "yes", detail: way.detail };
  return doubt === null ? { fact, value: "no", detail: no } : { fact, value: "unknown", detail: doubt.why };
}

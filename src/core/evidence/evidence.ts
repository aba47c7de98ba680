/**
 * Whether a tree is in use. One rule: it is while anything outside it is connected to it, or an ssh session is above it or at
 * an end of one of its streams. Facts with the values yes, no or unknown; nothing here decides.
 */

import type { HostView } from "../tree/host-view.ts";
import type { Tree } from "../tree/tree.ts";
import { doubtAbove, doubtAround } from "./doubt.ts";
import { groupsOf, type TreeSources } from "./groups.ts";
import type { Reason, ReasonCode } from "./reasons.ts";
import { makeOutside, sessionsAbove, waysInto } from "./use.ts";

export interface Fact {
  readonly fact: string;
  readonly value: "yes" | "no" | "unknown";
  readonly detail: string;
}

/** What is known of trees that are connected with each other. */
export interface Evidence {
  readonly trees: readonly Tree[];
  /** The two facts that decide. `code` names the reason; null: the fact does not hold. */
  readonly facts: readonly (Fact & { readonly code: ReasonCode | null })[];
}

/**
 * Collects the evidence for all trees, each of which is in one group. `sources`: trees that count as outside for the others
 * (tunnels, web servers, what its user keeps), and why. `silentAfter`: after so many milliseconds without data a TCP
 * connection is not use; null: it counts for ever.
 */
export function collectEvidence(
  view: HostView,
  sources: TreeSources,
  silentAfter: number | null,
): Evidence[] {
  const outside = makeOutside(view, sources, silentAfter);
  return groupsOf(view, sources).map((group) => {
    const above = sessionsAbove(group, outside);
    const { ways, silent } = waysInto(group, outside);
    const doubtIn = (doubtOf: (tree: Tree) => Reason | null): Reason | null =>
      group.trees.map(doubtOf).find((one) => one !== null) ?? null;
    const unseen = doubtIn((tree) => doubtAbove(tree, view));
    const hidden = doubtIn((tree) => doubtAround(tree, group, view));
    const facts = [
      factOf("ancestor", above[0], unseen, "no ssh session is above it"),
      factOf("client", ways[0], hidden, ["no client is connected", ...silent].join("; ")),
    ];
    return { trees: group.trees, facts };
  });
}

function factOf(
  fact: string,
  use: Reason | undefined,
  doubt: Reason | null,
  no: string,
): Evidence["facts"][number] {
  if (use) return { fact, value: "yes", detail: use.text, code: use.code };
  if (doubt) return { fact, value: "unknown", detail: doubt.text, code: doubt.code };
  return { fact, value: "no", detail: no, code: null };
}

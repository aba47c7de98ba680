/** What the two ends of a connection are. */

import type { Link } from "../observation/connections.ts";
import type { Proc } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";

interface End {
  readonly kind: string;
  readonly process: Proc;
}

/** Tells whether a tree is an IDE's command-line program alone. */
export function isCommandLineProgram(tree: Tree | null): boolean {
  return tree !== null && [...tree.recognised.values()].every(({ role }) => role === "cli");
}

/**
 * Tells whether a socket pair is what a program brought along that left the tree: neither end has a name, and the
 * younger program got its own from a parent.
 */
export function isInherited({ kind, local, remote, direction }: Link, tree: End, relay: End): boolean {
  const isPair =
    kind === "unix" && direction === "unknown" && [local, remote].every((end) => /^unix:\d+$/.test(end));
  return (
    isPair &&
    tree.kind === "tree" &&
    relay.kind === "relay" &&
    relay.process.startTime >= tree.process.startTime
  );
}

/** Cuts an address to its host: "10.1.2.3" of "10.1.2.3:4100", "fe80::1" of "[fe80::1]:22". */
export function hostOfAddress(address: string): string {
  return address.replace(/:\d+$/, "").replace(/[[\]]/g, "");
}

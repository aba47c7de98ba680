import type { Proc } from "../observation/process.ts";
import { redactArgv } from "../text/redact.ts";
import { escapeText } from "../text/safe-text.ts";
import type { Tree } from "./tree.ts";

/** What a tree held for its user: the programs in its terminals. */

const MAX_NAMES = 32;

/** Names of the programs in the terminals of a tree and of what these started, each once, safe to print. */
export function programsInTerminals(tree: Pick<Tree, "members" | "recognised">): string[] {
  const held = new Set<number>();
  const names = new Set<string>();
  // Depth first, so a parent comes before its children.
  for (const member of tree.members) {
    if (tree.recognised.has(member.pid)) continue;
    if (member.tty === 0 && !held.has(member.ppid)) continue;
    held.add(member.pid);
    names.add(nameOf(member));
  }
  return [...names].sort().slice(0, MAX_NAMES);
}

/** Guard: a name is the user's to choose; a secret in it is starred, control characters are escaped. */
const nameOf = ({ comm }: Proc): string => escapeText(redactArgv([comm])[0] ?? "");

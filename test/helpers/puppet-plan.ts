// The text of a plan, as native/test/puppet/puppet.h reads it: one process per line, parents before their children.

/** In an argv element, stands for the pid of the process's parent. */
export const PARENT_PID = "\0parent\0";

/** What a process does, or is, besides sleeping. Values may hold any character. */
export type Behaviour =
  | "ignore-term"
  | `fork-on-term=${number}`
  | "fork-chain"
  | "stop"
  | "setsid"
  | "daemon"
  | "zombie-leader"
  | "hide-argv"
  | `title=${string}`
  | `comm=${string}`
  | "subreaper"
  | `loginuid=${number}`
  | `subuid=${number}`
  | `env=${string}=${string}`
  | `cgroup=${string}`
  | "tcp-listen"
  | `tcp-connect=${number}`
  | `tcp-connect=@${string}`
  | `unix-listen=${string}`
  | `unix-connect=${string}`
  | "hold-stdin"
  | "foreign"
  | "launch";

/** One process. `name` lets a test find it again, and lets another process connect to it (`tcp-connect=@name`). */
export interface PlanNode {
  readonly exe: string;
  readonly argv: readonly (string | Buffer)[];
  readonly name?: string | undefined;
  readonly uid?: number | undefined;
  readonly behaviours?: readonly Behaviour[] | undefined;
  readonly children?: readonly PlanNode[] | undefined;
}

/** A node with its depth and the numbers of all named nodes. */
export interface FlatNode {
  readonly node: PlanNode;
  readonly depth: number;
  readonly names: ReadonlyMap<string, number>;
}

/** Depth first; a node's place in the result is its number. Throws when a name is used twice. */
export function flatten(roots: readonly PlanNode[]): FlatNode[] {
  const flat: FlatNode[] = [];
  const names = new Map<string, number>();
  const visit = (node: PlanNode, depth: number): void => {
    if (node.name !== undefined && names.has(node.name)) throw new Error(`two nodes are named ${node.name}`);
    if (node.name !== undefined) names.set(node.name, flat.length);
    flat.push({ node, depth, names });
    for (const child of node.children ?? []) visit(child, depth + 1);
  };
  for (const root of roots) visit(root, 0);
  return flat;
}

/** One line without its newline. Throws on a NUL byte or an unknown name. */
export function encode({ node, depth, names }: FlatNode): string {
  const behaviours = (node.behaviours ?? []).map((text) => {
    const target = /^tcp-connect=@(.+)$/s.exec(text)?.[1];
    if (target === undefined) return escapeText(text).replaceAll(",", "\\x2c");
    const index = names.get(target);
    if (index === undefined) throw new Error(`tcp-connect: no node is named ${target}`);
    return `tcp-connect=@${index}`;
  });
  const head = [
    depth,
    node.uid ?? "-",
    behaviours.length === 0 ? "-" : behaviours.join(","),
    escapeText(node.exe),
  ];
  return [...head, ...node.argv.map(escapeText)].join("\t");
}

export function escapeText(text: string | Buffer): string {
  if (Buffer.isBuffer(text)) {
    return [...text].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
  const encoded = escaped.replaceAll(PARENT_PID, "\\p");
  if (encoded.includes("\0")) throw new Error("an argv element cannot hold NUL");
  return encoded;
}

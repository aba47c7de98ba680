/** The kinds of programs that the catalogue knows. A kind decides more about the verdict than a product does. */

/** What each kind means for the verdict, in one line, as docs/products.md prints it. */
export const KINDS = {
  server: "does nothing without a client: ended when nobody is connected and its grace is over",
  agent: "works without a client: left alone while busy, then ended after `[agents]` grace, by two sweeps",
  kernel: "holds a user's data and outlives its server by design: left alone while busy, `[kernels]` grace",
  tunnel: "is reached without ssh, through a vendor's host: exempt unless `tunnels` says otherwise",
  "web-server": "is reached by a browser: exempt unless `webServers` says otherwise",
  multiplexer: "keeps terminals alive on purpose: never ended, and nothing below it is",
  own: "was started by its user: never recognised, and ended only as part of a tree that it runs in",
} as const;

export type Kind = keyof typeof KINDS;

/** Every kind, in the order of the table above. */
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** Tells whether trees of a kind are left alone while they use CPU time: they work without a client. */
export function isBusyKind(kind: Kind): boolean {
  return kind === "agent" || kind === "kernel";
}

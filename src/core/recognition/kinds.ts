/** The kinds of programs that the catalogue knows, in the order of docs/products.md. */
export const KIND_NAMES = [
  "server",
  "agent",
  "kernel",
  "tunnel",
  "web-server",
  "multiplexer",
  "own",
] as const;

/** A kind decides more about the verdict than a product does. */
export type Kind = (typeof KIND_NAMES)[number];

/** Tells whether trees of a kind are left alone while they use CPU time: they work without a client. */
export function isBusyKind(kind: Kind): boolean {
  return kind === "agent" || kind === "kernel";
}

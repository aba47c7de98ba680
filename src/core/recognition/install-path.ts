import { type Catalogue, FORK_DIRECTORY, type Kind, UNKNOWN_FORK } from "./catalogue.ts";

/** Paths of programs: what the kernel's exe link says, whose folder it lies in. */

export interface Place {
  readonly product: string;
  readonly kind: Kind;
  /** False: only the folder's shape speaks for it. */
  readonly known: boolean;
  /** The components after the product's folder. */
  readonly rest: readonly string[];
}

const located = new WeakMap<Catalogue, Map<string, Place | null>>();

/** Which product's folder a path lies in. Whole components only: `.vscode-server-env` is not `.vscode-server`. */
export function locate(path: string, catalogue: Catalogue): Place | null {
  // The processes of a tree share a few paths.
  const known = located.get(catalogue) ?? new Map<string, Place | null>();
  located.set(catalogue, known);
  const before = known.get(path);
  if (before !== undefined) return before;
  const place = find(path, catalogue);
  known.set(path, place);
  return place;
}

function find(path: string, catalogue: Catalogue): Place | null {
  const parts = path.split("/").filter(Boolean);
  for (const { product, components } of catalogue.locations) {
    // Most paths hold no folder's name at all, and this is told much sooner than where one lies.
    if (!path.includes(components.at(-1) ?? "")) continue;
    const at = indexOfRun(parts, components);
    if (at >= 0 && at + components.length < parts.length)
      return {
        product: product.id,
        kind: product.kind,
        known: true,
        rest: parts.slice(at + components.length),
      };
  }
  const fork = parts.findIndex((part) => FORK_DIRECTORY.test(part));
  if (fork < 0 || fork + 1 >= parts.length) return null;
  return { product: UNKNOWN_FORK, kind: "ssh", known: false, rest: parts.slice(fork + 1) };
}

function indexOfRun(parts: readonly string[], run: readonly string[]): number {
  for (let i = 0; i + run.length <= parts.length; i++)
    if (run.every((part, j) => parts[i + j] === part)) return i;
  return -1;
}

/** Below a folder of extensions or modules of the product. */
export function inHelperFolder(place: Place, catalogue: Catalogue): boolean {
  return place.rest.slice(0, -1).some((part) => catalogue.shapes.helperFolders.includes(part));
}

/** Whether a path ends in these whole components. */
export function endsWithPath(path: string, end: string): boolean {
  return path === end || path.endsWith(`/${end}`);
}

/** `*` stands for any text within one path component, `**` for any text. Anchored at both ends. */
export function globToRegExp(glob: string): RegExp {
  const body = glob
    .split("**")
    .map((part) =>
      part
        .split("*")
        .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
        .join("[^/]*"),
    )
    .join(".*");
  return new RegExp(`^${body}$`, "s");
}

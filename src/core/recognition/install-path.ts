/** What a path shows: the installation that it lies in, and what the executable there is. */

import { type Catalogue, isNamed, type Location, type Product } from "./catalogue.ts";
import { componentsOf, fitsAt, fitsName } from "./path-pattern.ts";

/**
 * `folder`: a catalogued folder. `layout`: the layout of an IDE's installation. `extension`: that of its folder of
 * extensions. `fork-folder`: nothing but a name such as `.acme-server`, which anything may have.
 */
export type FoundBy = "folder" | "layout" | "extension" | "fork-folder";

export interface Install {
  readonly product: Product;
  readonly by: FoundBy;
  /** The components below the folder or the installation. */
  readonly rest: readonly string[];
}

/** Finds the installation that a path lies in. Whole components only: `.vscode-server-env` is not `.vscode-server`. */
export function findInstall(path: string, catalogue: Catalogue): Install | null {
  const parts = componentsOf(path);
  return inFolder(parts, catalogue) ?? inLayout(parts, catalogue) ?? inForkFolder(parts, catalogue);
}

function inFolder(parts: readonly string[], catalogue: Catalogue): Install | null {
  let best: Location | null = null;
  let bestEnd = 0;
  // The file itself is never the folder, so the last component is not looked at.
  for (let end = 1; end < parts.length; end++) {
    const named = catalogue.folders.get(parts[end - 1] ?? "") ?? [];
    for (const location of [...named, ...catalogue.folderPatterns]) {
      const { length } = location.components;
      if (best && best.components.length >= length) continue;
      if (!fitsAt(parts, end - length, location.components)) continue;
      best = location;
      bestEnd = end;
    }
  }
  return best && { product: best.product, by: "folder", rest: parts.slice(bestEnd) };
}

function inLayout(parts: readonly string[], catalogue: Catalogue): Install | null {
  const { installs, extensionFolder, fork } = catalogue;
  for (const { product, components } of installs)
    for (let end = components.length; end < parts.length; end++)
      if (fitsAt(parts, end - components.length, components))
        return { product, by: "layout", rest: parts.slice(end) };
  const { components, notIn } = extensionFolder;
  for (let at = 0; at + components.length < parts.length; at++) {
    if (!fitsAt(parts, at, components)) continue;
    // A desktop editor keeps its extensions in ~/.vscode/extensions, a portable one in data/extensions.
    const above = parts[at - 1] ?? "";
    if (!isForkFolder(above, catalogue) && isNamed(above, notIn)) return null;
    return { product: fork, by: "extension", rest: parts.slice(at) };
  }
  return null;
}

function inForkFolder(parts: readonly string[], catalogue: Catalogue): Install | null {
  const at = parts.findIndex((part) => isForkFolder(part, catalogue));
  if (at < 0 || at + 1 >= parts.length) return null;
  return { product: catalogue.fork, by: "fork-folder", rest: parts.slice(at + 1) };
}

const isForkFolder = (part: string, { forkDirectories }: Catalogue): boolean =>
  isNamed(part, forkDirectories);

/** The installation that a path lies in, without a slash at its end. */
export function rootPath(path: string, { rest }: Install): string {
  return `/${componentsOf(path).slice(0, -rest.length).join("/")}`;
}

/** The product of a command-line program by its file name: `code`, `code-<commit>`; null: not one that is known. */
export function cliProductOf(name: string, { cliProducts }: Catalogue): Product | null {
  const known = cliProducts.get(name);
  if (known) return known;
  return fitsName(name, "*-{commit}") ? (cliProducts.get(name.slice(0, -41)) ?? null) : null;
}

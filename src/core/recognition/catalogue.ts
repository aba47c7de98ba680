/** What a server process looks like: the catalogue's data, a site's additions, and the native scan's first sieve. */

import data from "./catalogue.json" with { type: "json" };

/** `ssh`: reached through sshd. `tunnel` and `web`: started on purpose to be reached otherwise. */
export type Kind = "ssh" | "tunnel" | "web";

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly kind: Kind;
  /** Whole, consecutive path components that name the product's folder. */
  readonly directories: readonly string[];
}

/** A site's own pattern: an exe glob (`*` within a component, `**` across) and elements that argv must hold. */
export interface SitePattern {
  readonly product: string;
  readonly exe: string;
  readonly argv: readonly string[];
}

export interface JobEnvironment {
  readonly system: string;
  readonly variables: readonly string[];
}

export interface Catalogue {
  readonly products: readonly Product[];
  readonly patterns: readonly SitePattern[];
  /** Each directory as components, longest first, so that the most telling one wins. */
  readonly locations: readonly { readonly product: Product; readonly components: readonly string[] }[];
  readonly shapes: typeof data.shapes;
  readonly interpreters: typeof data.interpreters;
  readonly multiplexers: readonly string[];
  readonly jobClients: readonly string[];
  /** A batch system and variables that together only its jobs have. */
  readonly jobEnvironments: readonly JobEnvironment[];
  readonly sshd: readonly string[];
}

/** A fork that no list knows, found by its shape. */
export const UNKNOWN_FORK = "unknown-fork";

/** The folder name of such a fork: `.name-server`. */
export const FORK_DIRECTORY = /^\.[A-Za-z0-9][\w.+]*(?:-[\w.+]+)*-server(?:-[a-z]+)?$/;

export interface SiteCatalogue {
  readonly directories: readonly { readonly product: string; readonly directory: string }[];
  readonly patterns: readonly SitePattern[];
  readonly sshd: readonly string[];
}

const NO_SITE: SiteCatalogue = { directories: [], patterns: [], sshd: [] };

/** Makes the shipped catalogue with a site's additions. */
export function makeCatalogue(site: SiteCatalogue = NO_SITE): Catalogue {
  const shipped = data.products as readonly Product[];
  const added = site.directories.map(({ product, directory }): Product => {
    const known = shipped.find((candidate) => candidate.id === product);
    return {
      id: product,
      name: known?.name ?? product,
      kind: known?.kind ?? "ssh",
      directories: [directory],
    };
  });
  const products = [...shipped, ...added];
  const locations = products
    .flatMap((product) =>
      product.directories.map((directory) => ({ product, components: directory.split("/").filter(Boolean) })),
    )
    .sort((a, b) => b.components.length - a.components.length);
  return {
    products,
    patterns: site.patterns,
    locations,
    shapes: data.shapes,
    interpreters: data.interpreters,
    multiplexers: data.multiplexers,
    jobClients: data.jobClients,
    jobEnvironments: data.jobEnvironments,
    sshd: [...data.sshd, ...site.sshd],
  };
}

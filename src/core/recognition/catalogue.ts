/** What a server process looks like: the catalogue's data with a site's additions. */

import data from "./catalogue.json" with { type: "json" };
import { endingOf, fitsName, globToRegExp, type Pattern, patternOf } from "./path-pattern.ts";

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

/**
 * `agent`: a coding agent's daemon, which works without a client. `kernel`: an interpreter with a user's data, or what
 * starts these. `relay`: carries a session's input and output to a daemon's socket. `unknown`: the executable is an
 * IDE's own, but its command line could not be read, so it may be the server or a user's own program on the IDE's node.
 */
export type Role =
  | "launcher"
  | "server"
  | "worker"
  | "cli"
  | "agent"
  | "kernel"
  | "relay"
  | "tunnel"
  | "helper"
  | "unknown";

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly kind: Kind;
  /** Patterns of whole, consecutive path components that name the product's folder. */
  readonly directories: readonly string[];
  /** Names of its command-line program and of its launchers: they name the product where no folder does. */
  readonly cli?: readonly string[];
  readonly launchers?: readonly string[];
  /** The command with which a person takes up a session again. */
  readonly resume?: string;
  /** Where the facts come from, and the month in which they were checked; a site's own product has none. */
  readonly source?: string;
  readonly checked?: string;
}

/** A site's own pattern: an exe glob (`*` within a component, `**` across) and elements that argv must hold. */
export interface SitePattern {
  readonly product: string;
  readonly exe: string;
  readonly argv: readonly string[];
}

/** A role that a program has when its command line fits every condition given; the first rule that fits counts. */
export interface RoleRule {
  readonly role: Role;
  /** Default: the product's. */
  readonly kind?: Kind;
  /** Its server starts it in a session of its own (setsid). */
  readonly leadsSession?: boolean;
  /** The first arguments that are not options. */
  readonly words?: readonly string[];
  /** Exact elements, anywhere. */
  readonly elements?: readonly string[];
  /** Options and the patterns of which their value must fit one. */
  readonly options?: Readonly<Record<string, readonly string[]>>;
  /**
   * Recognised only if the process that started it has ended. Guard: a living one, such as a job of the user's, may be
   * its client over a pipe, which no list of connections shows.
   */
  readonly left?: boolean;
}

/** A program with a layout of its own, by the end of its executable's path or of the script that it runs. */
export interface ProgramRule {
  readonly product: string;
  readonly paths: readonly string[];
  /** Options whose value is the next element. */
  readonly valueFlags?: readonly string[];
  /** People run the same program by hand, so it is not recognised if its command line cannot be read. */
  readonly handRun?: boolean;
  /** A text that some element must hold: for a script that is named by its file alone. */
  readonly mention?: string;
  readonly roles: readonly RoleRule[];
  readonly source?: string;
  readonly checked?: string;
}

/** An option that says how long a server waits for its client. */
export interface GraceFlag {
  readonly flag: string;
  /** Seconds in its unit; default: 1. */
  readonly unit?: number;
  /** What zero means; default: no wait at all. */
  readonly zero?: string;
}

export interface SiteCatalogue {
  readonly directories: readonly { readonly product: string; readonly directory: string }[];
  readonly patterns: readonly SitePattern[];
  readonly sshd: readonly string[];
}

/** A pattern of consecutive components and the product that it stands for. */
export interface Location {
  readonly product: Product;
  readonly components: Pattern;
}

export type Catalogue = ReturnType<typeof makeCatalogue>;

/** A rule with its paths by component. */
export type Program = Catalogue["programs"][number];

/** The product of a fork that no list knows, found by its shape. */
export const UNKNOWN_FORK = "unknown-fork";

const FORK: Product = { id: UNKNOWN_FORK, name: "a fork of VS Code", kind: "server", directories: [] };

const NO_SITE: SiteCatalogue = { directories: [], patterns: [], sshd: [] };

/** Makes the catalogue: the shipped one with a site's additions. */
export function makeCatalogue(site: SiteCatalogue = NO_SITE) {
  const shipped = data.products as readonly Product[];
  const products = [...shipped, ...site.directories.map((added) => productOfSite(added, shipped))];
  const byId: ReadonlyMap<string, Product> = new Map(
    [FORK, ...products.toReversed()].map((product) => [product.id, product]),
  );
  const folders = new Map<string, Location[]>();
  const folderPatterns: Location[] = [];
  for (const location of locationsOf(products)) {
    const last = location.components.at(-1);
    // Guard: a site may write "/", and a pattern without a component would fit every path.
    if (last === undefined) continue;
    if (!last.isPlain) folderPatterns.push(location);
    else folders.set(last.text, [...(folders.get(last.text) ?? []), location]);
  }
  const namedBy = (key: "cli" | "launchers"): ReadonlyMap<string, Product> =>
    new Map(shipped.flatMap((product) => (product[key] ?? []).map((name) => [name, product] as const)));
  const { path, notIn } = data.extensionFolder;
  return {
    ...data,
    products,
    byId,
    patterns: site.patterns.map((pattern) => ({ ...pattern, fits: globToRegExp(pattern.exe) })),
    /** Product folders by their last component; those whose last component is a pattern apart. */
    folders: folders as ReadonlyMap<string, readonly Location[]>,
    folderPatterns,
    /** What a fork is called that no folder names. */
    fork: FORK,
    /** The layout of an installation, wherever it lies. */
    installs: data.installs.map(({ path, product }) => ({
      product: byId.get(product ?? UNKNOWN_FORK) ?? FORK,
      components: patternOf(path),
    })),
    extensionFolder: { components: patternOf(path), notIn },
    programs: (data.programs as readonly ProgramRule[]).map((rule) => ({
      ...rule,
      endings: rule.paths.map(endingOf),
    })),
    cli: data.cli as { readonly valueFlags: readonly string[]; readonly roles: readonly RoleRule[] },
    /** Which product a command-line program or a launcher belongs to, by its file name. */
    cliProducts: namedBy("cli"),
    launcherProducts: namedBy("launchers"),
    /** Names of files and folders in an extension that are the user's own to run. */
    ownPrograms: data.own.flatMap(({ programs }) => programs),
    graceFlags: data.graceFlags as readonly GraceFlag[],
    /** Ends of paths, by component. */
    multiplexers: data.multiplexers.flatMap(({ programs }) => programs.map(endingOf)),
    /** Runs of components in the path of a cgroup. */
    jobCgroups: data.jobCgroups.map(({ system, paths }) => ({ system, runs: paths.map(patternOf) })),
    sshd: [...data.sshd, ...site.sshd],
  };
}

function productOfSite(
  { product, directory }: SiteCatalogue["directories"][number],
  shipped: readonly Product[],
): Product {
  const known = shipped.find(({ id }) => id === product);
  return {
    id: product,
    name: known?.name ?? product,
    kind: known?.kind ?? "server",
    directories: [directory],
  };
}

function locationsOf(products: readonly Product[]): Location[] {
  return products.flatMap((product) =>
    product.directories.map((directory) => ({ product, components: patternOf(directory) })),
  );
}

/** Tells whether two trees may be one product's: where only the layout speaks, the product has no name. */
export function mayBeOneProduct(a: string, b: string): boolean {
  return a === b || a === UNKNOWN_FORK || b === UNKNOWN_FORK;
}

/** Tells whether a program's file name is one of a list of names and patterns: `tmux`, `tmux-*`. */
export function isNamed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fitsName(name, pattern));
}

import data from "../../src/core/recognition/catalogue.json" with { type: "json" };
import {
  type Catalogue,
  KIND_NAMES,
  type Kind,
  makeCatalogue,
  type Product,
} from "../../src/core/recognition/catalogue.ts";
import { kindIn } from "../../src/core/recognition/program-rules.ts";

/** The tables of what the catalogue knows, for README and docs/products.md. */

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n");
const codes = (texts: readonly string[]): string => texts.map((text) => `\`${text}\``).join(" ");

/** What each kind means for the verdict, in one line. */
const KINDS: Readonly<Record<Kind, string>> = {
  server: "does nothing without a client: ended when nothing is connected to it and its grace is over",
  agent: "works without a client: left alone while busy, then ended after `[agents]` grace, by two sweeps",
  kernel: "holds a user's data and outlives its server by design: left alone while busy, `[kernels]` grace",
  tunnel: "is reached without ssh, through a vendor's host: exempt unless `tunnels` says otherwise",
  "web-server": "is reached by a browser: exempt unless `webServers` says otherwise",
  multiplexer: "keeps terminals alive on purpose: never ended, and nothing below it is",
  own: "was started by its user: never recognised, and ended only as part of a tree that it runs in",
};

/** Makes the table of kinds: what each means for the verdict. */
export function kindTable(): string {
  return table(
    ["kind", "what it means"],
    KIND_NAMES.map((kind) => [`\`${kind}\``, KINDS[kind]]),
  );
}

/** Makes the table of products: what each is called in the configuration, its kinds, where it is found, the source. */
export function productTable(): string {
  const catalogue = makeCatalogue();
  return table(
    ["product", "name in the configuration", "kinds", "found in", "source"],
    catalogue.products.map((product) => [
      product.name,
      `\`${product.id}\``,
      kindsOf(product, catalogue).join(", "),
      codes(placesOf(product, catalogue)),
      sourcesOf(product, catalogue).join("; "),
    ]),
  );
}

/** Makes the table of what is never ended: multiplexers, and what users run themselves. */
export function neverTable(): string {
  const rows = (kind: Kind, list: typeof data.multiplexers): string[][] =>
    list.map(({ name, programs, source, checked }) => [
      name,
      kind,
      codes(programs),
      `${source} (${checked})`,
    ]);
  return table(
    ["program", "kind", "executables", "source"],
    [...rows("multiplexer", data.multiplexers), ...rows("own", data.own)],
  );
}

const WIDTH = 120;
/** What a sweep does with products of a kind, in the README's words. */
const SHOWN: readonly (readonly [Kind, string])[] = [
  ["server", "Ended when unused"],
  ["agent", "Ended when unused and idle"],
  ["kernel", "Left for a day, then ended when unused and idle"],
  ["tunnel", "Tunnels, left alone unless the site says otherwise"],
  ["web-server", "Web servers, left alone unless the site says otherwise"],
];

/** Lists the names of all products by what a sweep does with their programs, for README. */
export function productNames(): string {
  const catalogue = makeCatalogue();
  return SHOWN.map(([kind, words]) => {
    const names = catalogue.products.filter((product) => kindsOf(product, catalogue).includes(kind));
    return wrapped(`- ${words}: ${names.map(({ name }) => name).join(", ")}.`);
  }).join("\n");
}

function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

const programsOf = ({ id }: Product, { programs }: Catalogue): Catalogue["programs"] =>
  programs.filter(({ product }) => product === id);

/** The product's own kind first, then those of its programs in other roles. */
function kindsOf(product: Product, catalogue: Catalogue): Kind[] {
  const others = programsOf(product, catalogue).flatMap(({ roles }) =>
    roles.map(({ kind, role }) => kind ?? kindIn(role, product.kind)),
  );
  return [...new Set([product.kind, ...others])];
}

function placesOf(product: Product, catalogue: Catalogue): string[] {
  // A script that is named by its file alone shows by what it mentions.
  const programs = programsOf(product, catalogue).flatMap(({ paths, mention }) =>
    mention && paths.length === 1 ? [mention] : paths,
  );
  const layouts = catalogue.installs
    .filter(({ product: of }) => of.id === product.id)
    .map(({ components }) => components.map(({ text }) => text).join("/"));
  return [...new Set([...product.directories, ...layouts, ...programs])];
}

/** Each source once, with the month in which it was checked. */
function sourcesOf(product: Product, catalogue: Catalogue): string[] {
  const all = [product, ...programsOf(product, catalogue)];
  return [...new Set(all.flatMap(({ source, checked }) => (source ? [`${source} (${checked})`] : [])))];
}

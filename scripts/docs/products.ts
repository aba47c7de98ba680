import { type Catalogue, makeCatalogue, type Product } from "../../src/core/recognition/catalogue.ts";

/** The table of the products that the catalogue knows, for README and docs/products.md. */

/** Makes the table: what it is called in the configuration, how it is found, where the facts come from. */
export function productTable(): string {
  const catalogue = makeCatalogue();
  const rows = catalogue.products.map((product) =>
    [
      product.name,
      `\`${product.id}\``,
      kindOf(product, catalogue),
      placesOf(product, catalogue)
        .map((place) => `\`${place}\``)
        .join(" "),
      sourcesOf(product, catalogue).join("; "),
    ].join(" | "),
  );
  return [
    "| product | name in the configuration | what it is | found in | source |",
    "| --- | --- | --- | --- | --- |",
  ]
    .concat(rows.map((row) => `| ${row} |`))
    .join("\n");
}

const WIDTH = 120;
/** What a sweep does with products of a kind, in the README's words. */
const KINDS: readonly (readonly [string, string])[] = [
  ["reached through ssh", "Ended when nobody uses them"],
  ["coding agent", "Ended when nobody uses them and they are idle"],
  ["tunnel", "Tunnels, left alone unless the site says otherwise"],
  ["web server", "Web servers, left alone unless the site says otherwise"],
];

/** Lists the names of all products by what a sweep does with them, for README. */
export function productNames(): string {
  const catalogue = makeCatalogue();
  return KINDS.map(([kind, words]) => {
    const names = catalogue.products.filter((product) => kindOf(product, catalogue) === kind);
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

function kindOf(product: Product, catalogue: Catalogue): string {
  const roles = programsOf(product, catalogue).flatMap((program) => program.roles.map(({ role }) => role));
  if (product.kind !== "ssh") return product.kind === "web" ? "web server" : "tunnel";
  return roles.includes("agent") ? "coding agent" : "reached through ssh";
}

function placesOf(product: Product, catalogue: Catalogue): string[] {
  const programs = programsOf(product, catalogue).flatMap(({ paths, mention }) =>
    mention ? [mention] : paths,
  );
  const layouts = catalogue.installs
    .filter(({ product: of }) => of.id === product.id)
    .map(({ components }) => components.join("/"));
  return [...new Set([...product.directories, ...layouts, ...programs])];
}

/** Each source once, with the month in which it was checked. */
function sourcesOf(product: Product, catalogue: Catalogue): string[] {
  const all = [product, ...programsOf(product, catalogue)];
  return [...new Set(all.flatMap(({ source, checked }) => (source ? [`${source} (${checked})`] : [])))];
}

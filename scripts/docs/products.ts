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

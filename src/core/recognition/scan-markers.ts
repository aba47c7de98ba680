import type { Catalogue } from "./catalogue.ts";

export type ScanMarkers = ReturnType<typeof scanMarkers>;

/** The longest run in these patterns that holds no wildcard: what a plain substring search may look for. */
function longest(...patterns: readonly string[]): string {
  const parts = patterns.flatMap((pattern) => pattern.split(/\*+|\{commit\}/));
  return parts.reduce((best, part) => (part.length > best.length ? part : best), "");
}

/** Components that paths of many programs have: `~/.pyenv/versions/3.12/bin/python`, `node index.js`. */
const COMMON = ["index.js", "index.mjs", "packages", "runtime", "standalone", "vendor", "versions"];

/** What few command lines hold of a path that has these components. "ark" alone stands in "spark" and "benchmark". */
function rarest(components: readonly string[]): string {
  const text = longest(...components.filter((component) => !COMMON.includes(component)));
  return text.length === 3 && components.length === 1 ? `/${text}` : text;
}

/**
 * Makes the texts that the native scan looks for: a process is a suspect that has one of `exeMarkers` in its executable's
 * path, or whose name begins with one of `interpreters` and whose command line has one of `argvMarkers`. A test guards that
 * all that `recognise` finds is a suspect, but for a shell: the server below it shows, and the scan reads what is above a
 * suspect.
 */
export function scanMarkers(catalogue: Catalogue) {
  const { shapes, interpreters, programs, installs, cliProducts, patterns, sshd } = catalogue;
  const folders = [...catalogue.folders.values(), catalogue.folderPatterns].flat();
  const names = [...cliProducts.keys()];
  const files = programs.flatMap(({ paths, mention }) => (mention === undefined ? paths : []));
  const mentions = programs.flatMap(({ mention }) => mention ?? []);
  const sites = patterns.map(({ exe }) => longest(exe));
  // "bin" would make every program of the host a suspect; a node there shows by its script.
  const places = [...folders, ...installs]
    .map(({ components }) => components.map(({ text }) => text))
    .filter((place) => longest(...place) !== "bin");
  return {
    exeMarkers: unique([
      ...places.map((place) => longest(`/${place.join("/")}/`)),
      ...files.map((path) => longest(`/${path}`)),
      ...[...mentions, ...sites],
      // Forks that no list knows; a command-line program, and the one that opens a tunnel; what NFS renamed.
      ...["-server/", "-server-", ...names.map((name) => `/${name}-`), "/bin/code", `/${shapes.nfsRenamed}`],
      ...shapes.helperFolders.map((folder) => `/${folder}/`),
    ]),
    interpreters: [
      // Also a version, and what a site has put beside node: python3.11, node.real.
      ...[...interpreters.node, ...interpreters.other, ...shapes.nodeNames],
      ...[...interpreters.loaderPrefixes, ...names],
    ],
    // By one component: users write folders without the slash before them, or with two between their components.
    argvMarkers: unique([
      ...places.map((place) => longest(...place)),
      ...files.map((path) => rarest(path.split("/"))),
      ...[...mentions, ...sites, "-server", ...names.map((name) => `${name}-`)],
      ...[...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts],
      ...shapes.helperFolders.map((folder) => `${folder}/`),
      // What a program found by its name alone is asked to do.
      ...catalogue.cli.roles.flatMap(({ words = [] }) => words.slice(0, 1)),
    ]),
    sshdNames: [...sshd],
  };
}

/** Each text once; one that holds another finds nothing that the other does not. */
function unique(texts: readonly string[]): string[] {
  const kept: string[] = [];
  for (const text of [...new Set(texts)].sort((a, b) => a.length - b.length))
    if (text !== "" && !kept.some((shorter) => text.includes(shorter))) kept.push(text);
  return kept;
}

import type { Catalogue } from "./catalogue.ts";

export interface ScanMarkers {
  readonly exeMarkers: string[];
  readonly interpreters: string[];
  readonly argvMarkers: string[];
  readonly wideInterpreters: string[];
  readonly wideMarkers: string[];
  readonly sshdNames: string[];
}

/**
 * Makes the texts that the native scan looks for. `exeMarkers`, and `argvMarkers` for `interpreters`, find the users who
 * have a server. Of such a user every process counts that has one of `exeMarkers`, or is one of `wideInterpreters` and
 * has one of `wideMarkers` in its command line: a superset of `recognise`, process by process, which a test guards. A
 * process that has none, and is not above or below one that has, is not part of any tree. A name that ends in `*` stands
 * for all that begin so.
 */
export function scanMarkers(catalogue: Catalogue): ScanMarkers {
  const { shapes, interpreters, programs, installs, cliProducts } = catalogue;
  const folders = [...catalogue.folders.values(), catalogue.folderPatterns].flat();
  const folderTexts = folders.map(({ components }) => longestLiteral(`/${components.join("/")}/`));
  const programTexts = programs.flatMap(({ paths, mention }) =>
    mention === undefined ? paths.map((path) => longestLiteral(`/${path}`)) : [mention],
  );
  const siteTexts = catalogue.patterns.map(({ exe }) => longestLiteral(exe));
  const installTexts = installs
    .map(({ components }) => longestLiteral(`/${components.join("/")}/`))
    // "/bin/" would make every program of the host one to look at; a node there shows by its script.
    .filter((text) => text !== "/bin/");
  const names = [...cliProducts.keys()];
  const exeMarkers = unique([
    ...folderTexts,
    ...programTexts,
    ...siteTexts,
    ...installTexts,
    // Forks that no list knows.
    "-server/",
    "-server-",
    // The command-line programs of an installation, and the one that opens a tunnel.
    ...names.map((name) => `/${name}-`),
    "/bin/code",
    // Helpers below a moved installation, and what NFS renamed.
    ...shapes.helperFolders.map((folder) => `/${folder}/`),
    `/${shapes.silly}`,
  ]);
  const alone = [
    ...interpreters.node,
    ...interpreters.other,
    ...interpreters.loaderPrefixes.map((start) => `${start}*`),
    ...names,
    ...names.map((name) => `${name}-*`),
  ];
  const argvMarkers = unique([
    ...folderTexts,
    ...programTexts,
    "-server/",
    ...shapes.serverScripts,
    ...shapes.workerScripts,
    ...shapes.webScripts,
    `${shapes.helperFolders[0]}/`,
  ]);
  return {
    exeMarkers,
    // A shell is never alone: the server below it has an executable or a script that shows.
    interpreters: alone,
    argvMarkers,
    // Whatever else runs shows by its executable; an editor's or a compiler's command line is not worth its reading.
    wideInterpreters: [...alone, ...interpreters.shell],
    wideMarkers: unique([
      ...argvMarkers,
      ...shapes.helperFolders.map((folder) => `${folder}/`),
      // A user may write a folder without the slash before it, or with two between its components.
      ...folders.map(({ components }) => longest(components.map(longestLiteral))),
      ...programs.flatMap(({ paths }) => paths.map((path) => longest(path.split("/").map(longestLiteral)))),
      ...installs
        .map(({ components }) => longest(components.map(longestLiteral)))
        .filter((text) => text !== "bin"),
      // A fork's folder or a command-line program, named to a loader.
      "-server",
      ...names.map((name) => `${name}-`),
      ...shapes.launcherScripts,
      ...shapes.launcherNames.map(longestLiteral),
      // The commands that a program found by its name alone is given.
      ...catalogue.cli.roles.flatMap(({ words = [] }) => words.slice(0, 1)),
      ...siteTexts,
    ]),
    sshdNames: [...catalogue.sshd],
  };
}

/** The longest run of a pattern that holds no wildcard: what a plain substring search may look for. */
function longestLiteral(pattern: string): string {
  return longest(pattern.split(/\*+|\{commit\}/));
}

function longest(parts: readonly string[]): string {
  return parts.reduce((best, part) => (part.length > best.length ? part : best), "");
}

/** Each text once; one that holds another finds nothing that the other does not. */
function unique(texts: readonly string[]): string[] {
  const all = [...new Set(texts.filter((text) => text !== ""))];
  return all.filter((text) => !all.some((other) => other !== text && text.includes(other)));
}

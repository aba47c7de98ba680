import type { Catalogue } from "./catalogue.ts";

/**
 * What the native scan looks for. `exeMarkers`, and `argvMarkers` for `interpreters`, find the users who have a server.
 * Of such a user every process counts that has one of `exeMarkers`, or is one of `wideInterpreters` and has one of
 * `wideMarkers` in its command line: a superset of `recognise`, process by process (a test holds the two together). What
 * has none, and is not above or below one that has, can be no part of a tree. A name that ends in `*` stands for all
 * that begin so.
 */
export function scanMarkers(catalogue: Catalogue): {
  exeMarkers: string[];
  interpreters: string[];
  argvMarkers: string[];
  wideInterpreters: string[];
  wideMarkers: string[];
  sshdNames: string[];
} {
  const folders = catalogue.locations.map(({ components }) => `/${components.join("/")}/`);
  const { shapes, interpreters } = catalogue;
  const literal = catalogue.patterns.map(({ exe }) => longestLiteral(exe));
  const argvMarkers = [
    ...new Set([
      ...folders,
      "-server/",
      ...shapes.serverScripts,
      ...shapes.workerScripts,
      ...shapes.webScripts,
    ]),
  ];
  const alone = [
    ...interpreters.node,
    ...interpreters.other,
    ...interpreters.loaderPrefixes.map((start) => `${start}*`),
  ];
  return {
    // "-server/" and "-server-" find the forks that no list knows; "code-tunnel" and "/code" the tunnels.
    exeMarkers: [...new Set([...folders, "-server/", "-server-", "/code-tunnel", "/bin/code", ...literal])],
    // A shell is never alone: the server below it has an executable that tells.
    interpreters: alone,
    argvMarkers,
    // Whatever else runs is told by its executable; an editor's command line, or a compiler's, is not worth its reading.
    wideInterpreters: [...alone, ...interpreters.shell, ...shapes.tunnelClis],
    wideMarkers: [
      ...new Set([
        ...argvMarkers,
        // A user may write a folder without the slash before it, or with two between its parts.
        ...catalogue.locations.map(({ components }) => `${longest(components)}/`),
        // A fork's folder, named to a loader.
        "-server-",
        // Launchers, and commands that a program found by its name alone is given.
        ...shapes.launcherScripts,
        ...shapes.launcherSuffixes,
        ...Object.keys(shapes.cliCommands).filter(
          (word) => shapes.cliCommands[word as "tunnel"] === "tunnel",
        ),
        // A program that a loader is given.
        ...literal,
      ]),
    ],
    sshdNames: [...catalogue.sshd],
  };
}

/** The longest run of a glob that holds no wildcard: what a plain substring search may look for. */
function longestLiteral(glob: string): string {
  return longest(glob.split("*"));
}

function longest(parts: readonly string[]): string {
  return parts.reduce((best, part) => (part.length > best.length ? part : best), "");
}

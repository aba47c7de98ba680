/** Is this process part of an IDE server, of which product, in what role? By exe first, then exact argv elements. */

import { type ArgvStatus, exeName, exePath } from "../observation/process.ts";
import { type Catalogue, type Kind, UNKNOWN_FORK } from "./catalogue.ts";
import { endsWithPath, globToRegExp, inHelperFolder, locate, type Place } from "./install-path.ts";

/**
 * `unknown`: the executable is an IDE's own, but its command line could not be read, so it may be the server or
 * a user's own program on the IDE's node.
 */
export type Role =
  | "launcher"
  | "server"
  | "worker"
  | "cli"
  | "agent-host"
  | "tunnel"
  | "helper"
  | "proxy"
  | "unknown";

export interface Recognition {
  readonly product: string;
  readonly kind: Kind;
  readonly role: Role;
}

/** What recognising needs of a process. */
export interface Seen {
  readonly exe: string | null;
  readonly argv: readonly string[];
  readonly argvStatus: ArgvStatus;
}

const CLI_NAME = /^[A-Za-z][\w-]*-[0-9a-f]{40}$/;
/** Options of node and python whose value is the next element. */
const VALUE_OPTIONS = new Set([
  "-r",
  "--require",
  "--import",
  "--loader",
  "--experimental-loader",
  "-C",
  "--conditions",
  "-W",
  "-X",
]);
/** Program text or a module instead of a script: never an IDE's server. */
const NO_SCRIPT = new Set(["-e", "--eval", "-p", "--print", "-c", "-m", "-"]);
const LOADER_VALUE_OPTIONS = new Set([
  "--library-path",
  "--argv0",
  "--preload",
  "--audit",
  "--inhibit-rpath",
]);

/** Recognises a process, or null: then it is a server's only by being below one. */
export function recognise(seen: Seen, catalogue: Catalogue): Recognition | null {
  if (seen.exe === null) return null;
  const site = recogniseBySite(seen, catalogue);
  if (site) return site;
  const exe = exePath(seen.exe);
  const name = exeName(exe);
  const bare = name.replace(/[-.]?\d+(?:\.\d+)*$/, "");
  const { interpreters } = catalogue;
  if (interpreters.loaderPrefixes.some((start) => name.startsWith(start)))
    return recogniseLoaded(seen, catalogue);
  if (interpreters.node.includes(bare)) return recogniseNode(exe, seen, catalogue);
  if (interpreters.shell.includes(bare)) return recogniseLauncher(seen.argv, catalogue);
  const place = locate(exe, catalogue);
  if (place) return recogniseProgram(name, place, seen, catalogue);
  if (interpreters.other.includes(bare)) return recogniseScript(seen.argv, catalogue);
  return recogniseTunnel(name, seen.argv, catalogue);
}

/** A program of its own: the CLI, an extension's helper, Zed's server, JetBrains' backend. */
function recogniseProgram(name: string, place: Place, seen: Seen, catalogue: Catalogue): Recognition | null {
  const { shapes } = catalogue;
  const as = (role: Role): Recognition => ({ product: place.product, kind: place.kind, role });
  const known = seen.argvStatus === "read";
  if (place.product === "zed") {
    if (!name.startsWith("zed-remote-server")) return null;
    if (!known) return as("unknown");
    const command = seen.argv[1] ?? "";
    return shapes.zedCommands.includes(command) ? as(command === "run" ? "server" : "proxy") : null;
  }
  if (place.product === "jetbrains") return as(name === "java" ? "server" : "helper");
  if (CLI_NAME.test(name) && place.rest.length === 1) {
    if (!known) return as("unknown");
    const role = cliRole(seen.argv, catalogue);
    return role && { product: place.product, kind: role === "tunnel" ? "tunnel" : place.kind, role };
  }
  if (place.known && inHelperFolder(place, catalogue)) return as("helper");
  return null;
}

/** `code-<commit> command-shell`, `… agent host`, `… tunnel`; anything else is a passing command. */
function cliRole(argv: readonly string[], catalogue: Catalogue): Role | null {
  const { cliCommands, cliValueFlags } = catalogue.shapes;
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (cliValueFlags.includes(word)) i++;
    else if (!word.startsWith("-")) {
      if (!Object.hasOwn(cliCommands, word)) return null;
      if (word === "agent" && argv[i + 1] !== "host") return null;
      return cliCommands[word as keyof typeof cliCommands] as Role;
    }
  }
  return null;
}

function recogniseTunnel(name: string, argv: readonly string[], catalogue: Catalogue): Recognition | null {
  if (!catalogue.shapes.tunnelClis.includes(name)) return null;
  return cliRole(argv, catalogue) === "tunnel" ? { product: "tunnel", kind: "tunnel", role: "tunnel" } : null;
}

/** node: what it runs decides, for a user's web app may run on the IDE's node. */
function recogniseNode(exe: string, seen: Seen, catalogue: Catalogue): Recognition | null {
  const exePlace = locate(exe, catalogue);
  // Guard: a process may wipe its command line, which the kernel then shows as nothing but NULs.
  if (seen.argvStatus !== "read" || seen.argv.every((element) => element === ""))
    return exePlace ? { product: exePlace.product, kind: exePlace.kind, role: "unknown" } : null;
  const at = scriptIndex(seen.argv);
  const script = at === null ? undefined : seen.argv[at];
  if (at === null || script === undefined) return null;
  const args = seen.argv.slice(at + 1);
  const { shapes } = catalogue;
  const place = locate(script, catalogue) ?? exePlace;
  const root = rootBefore(script, [...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts]);
  if (root === null) {
    return place?.known && locate(script, catalogue) && inHelperFolder(place, catalogue)
      ? { product: place.product, kind: place.kind, role: "helper" }
      : null;
  }
  const isWorker = shapes.workerScripts.some((shape) => endsWithPath(script, shape));
  if (isWorker && !args.some((arg) => /^--type=\w+$/.test(arg))) return null;
  if (!isWorker && isOneShot(args, catalogue)) return null;
  const role: Role = isWorker ? "worker" : hasFlag(args, shapes.agentHostFlags) ? "agent-host" : "server";
  if (place) return { product: place.product, kind: place.kind, role };
  // No folder speaks for it, so its own node beside its own out/ must: `<root>/node <root>/out/server-main.js`.
  const own = exe.split("/").at(-2) === root.split("/").at(-1) && exe.startsWith("/");
  if (!own) return null;
  return { product: UNKNOWN_FORK, kind: hasFlag(args, shapes.remoteFlags) ? "ssh" : "web", role };
}

/** `sh <root>/bin/<name>-server --start-server …`, `sh <root>/server.sh --port=0`. */
function recogniseLauncher(argv: readonly string[], catalogue: Catalogue): Recognition | null {
  const at = scriptIndex(argv);
  const script = at === null ? undefined : argv[at];
  if (at === null || script === undefined) return null;
  const { shapes } = catalogue;
  const parts = script.split("/").filter(Boolean);
  const file = parts.at(-1) ?? "";
  const isLauncher =
    shapes.launcherScripts.includes(file) ||
    (shapes.launcherFolders.includes(parts.at(-2) ?? "") &&
      shapes.launcherSuffixes.some((end) => file.endsWith(end)));
  if (!isLauncher) return null;
  const args = argv.slice(at + 1);
  const place = locate(script, catalogue);
  if (!place) {
    // Any program may ship a bin/x-server; only the flag that IDEs pass makes it one of theirs.
    if (!hasFlag(args, shapes.startFlags)) return null;
    return {
      product: UNKNOWN_FORK,
      kind: hasFlag(args, shapes.remoteFlags) ? "ssh" : "web",
      role: "launcher",
    };
  }
  if (isOneShot(args, catalogue)) return null;
  if (hasFlag(args, shapes.agentHostFlags))
    return { product: place.product, kind: place.kind, role: "agent-host" };
  return { product: place.product, kind: place.kind, role: "launcher" };
}

/** python, java and the like running a script of an extension. */
function recogniseScript(argv: readonly string[], catalogue: Catalogue): Recognition | null {
  const jar = argv.indexOf("-jar");
  const at = jar > 0 ? jar + 1 : scriptIndex(argv);
  const script = at === null ? undefined : argv[at];
  if (script === undefined) return null;
  const place = locate(script, catalogue);
  return place?.known && inHelperFolder(place, catalogue)
    ? { product: place.product, kind: place.kind, role: "helper" }
    : null;
}

/** A program started through another C library's loader: `ld-linux.so.2 --library-path L <root>/node …`. */
function recogniseLoaded(seen: Seen, catalogue: Catalogue): Recognition | null {
  for (let i = 1; i < seen.argv.length; i++) {
    const word = seen.argv[i] ?? "";
    if (LOADER_VALUE_OPTIONS.has(word)) i++;
    else if (!word.startsWith("-")) {
      if (/(?:^|\/)ld[.-][^/]*$/.test(word)) return null;
      return recognise({ ...seen, exe: word, argv: seen.argv.slice(i) }, catalogue);
    }
  }
  return null;
}

function recogniseBySite(seen: Seen, catalogue: Catalogue): Recognition | null {
  for (const pattern of catalogue.patterns) {
    if (!globToRegExp(pattern.exe).test(exePath(seen.exe ?? ""))) continue;
    if (!pattern.argv.every((element) => seen.argv.includes(element))) continue;
    const known = catalogue.products.find((product) => product.id === pattern.product);
    return { product: pattern.product, kind: known?.kind ?? "ssh", role: "server" };
  }
  return null;
}

/** The index of the script that an interpreter runs, or null: none, or program text on the command line. */
function scriptIndex(argv: readonly string[]): number | null {
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (NO_SCRIPT.has(word)) return null;
    if (VALUE_OPTIONS.has(word)) i++;
    else if (!word.startsWith("-")) return i;
  }
  return null;
}

/** `<root>` of `<root>/out/server-main.js` for the first shape that fits, or null. A relative script has root "". */
function rootBefore(script: string, shapes: readonly string[]): string | null {
  const shape = shapes.find((candidate) => endsWithPath(script, candidate));
  return shape === undefined ? null : script.slice(0, -shape.length).replace(/\/$/, "");
}

function hasFlag(args: readonly string[], flags: readonly string[]): boolean {
  return args.some((arg) => {
    if (!arg.startsWith("-")) return false;
    const end = arg.indexOf("=");
    return flags.includes(end < 0 ? arg : arg.slice(0, end));
  });
}

/** The server's program used as a short command: `--install-extension X`, `--version`, without `--start-server`. */
function isOneShot(args: readonly string[], catalogue: Catalogue): boolean {
  return hasFlag(args, catalogue.shapes.oneShotFlags) && !hasFlag(args, catalogue.shapes.startFlags);
}

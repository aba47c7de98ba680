/** The layout that VS Code and its forks share: launchers, the server's script and its workers'. */

import { type Catalogue, isNamed, type Kind, type Product, type Role } from "./catalogue.ts";
import { hasFlag, valuesOf } from "./command-line.ts";
import { findInstall, type Install } from "./install-path.ts";
import { componentsOf, endsWithPath } from "./path-pattern.ts";
import { kindIn, type Recognition } from "./program-rules.ts";

interface ScriptRun {
  readonly exe: string;
  readonly script: string;
  readonly args: readonly string[];
  /** A server or a worker of one runs below it. */
  readonly serves: boolean;
}

/** Recognises `<root>/node <root>/out/server-main.js …`; undefined: the script is not one of a server's. */
export function recogniseServerScript(run: ScriptRun, catalogue: Catalogue): Recognition | null | undefined {
  const { exe, script, args } = run;
  const { shapes } = catalogue;
  const shape = shapeOf(script, catalogue);
  if (shape === null) return undefined;
  const isWorker = shapes.workerScripts.includes(shape.name);
  if (isWorker && !args.some((arg) => /^--type=\w+$/.test(arg))) return null;
  if (!isWorker && !run.serves && isOneShot(args, catalogue)) return null;
  const perClient = shapes.clientWorkers.find(({ argument }) => args.includes(argument))?.name;
  const role: Role = isWorker ? "worker" : hasFlag(args, shapes.agentFlags) ? "agent" : "server";
  const install = findBestInstall(script, exe, catalogue);
  const more = perClient !== undefined && { perClient };
  if (install && install.by !== "fork-folder")
    return { ...as(install.product, install.product.kind, role), ...more };
  // Nothing but its own node beside its own out/ speaks for it, or a web server's node in its lib/.
  const folder = componentsOf(exe).slice(0, -1);
  const root = shape.root.split("/").at(-1);
  const isWebShape = shapes.webScripts.includes(shape.name);
  const own = isWebShape ? folder.at(-1) === "lib" && folder.at(-2) === root : folder.at(-1) === root;
  if (!exe.startsWith("/") || !own) return null;
  if (isWebShape) return as(catalogue.byId.get("code-server") ?? catalogue.fork, "web-server", role);
  return { ...as(catalogue.fork, isWorker ? "server" : kindByFlags(args, catalogue), role), ...more };
}

/**
 * Tells whether an executable that is not called node is the one of a server's installation: `node.real` beside a
 * wrapper called `node`, a copy that was patched for an old C library. `script`: a server's or a worker's own. Outside
 * a catalogued folder its name must begin like node's, for the scan looks for nothing else there.
 */
export function isOwnNode(exe: string, script: string, catalogue: Catalogue): boolean {
  const { shapes } = catalogue;
  const shape = shapeOf(script, catalogue);
  if (shape === null || shapes.webScripts.includes(shape.name)) return false;
  if (shape.root === "" || !exe.startsWith(`${shape.root}/`)) return false;
  const file = componentsOf(exe).at(-1) ?? "";
  return (
    shapes.nodeNames.some((node) => file.startsWith(node)) || findInstall(exe, catalogue)?.by === "folder"
  );
}

/** Recognises `sh <root>/node <root>/out/server-main.js …`: a wrapper that a site has put in the place of node. */
export function recogniseNodeWrapper(
  script: string,
  args: readonly string[],
  serves: boolean,
  catalogue: Catalogue,
): Recognition | null {
  const run = args.find((arg) => !arg.startsWith("-")) ?? "";
  const isWrapper = catalogue.shapes.nodeNames.includes(componentsOf(script).at(-1) ?? "");
  if (!isWrapper || !isOwnNode(script, run, catalogue)) return null;
  const found = recogniseServerScript({ exe: script, script: run, args, serves }, catalogue);
  return found ? { ...found, role: found.role === "worker" ? "worker" : "launcher" } : null;
}

/** Recognises `sh <root>/bin/<name>-server --start-server …` and `sh <root>/server.sh --port=0`. */
export function recogniseLauncher(
  script: string,
  args: readonly string[],
  serves: boolean,
  catalogue: Catalogue,
): Recognition | null {
  const { shapes } = catalogue;
  const isPassing = !serves && isOneShot(args, catalogue);
  const parts = componentsOf(script);
  const file = parts.at(-1) ?? "";
  const isNamedSo =
    shapes.launcherFolders.includes(parts.at(-2) ?? "") && isNamed(file, shapes.launcherNames);
  if (!isNamedSo && !shapes.launcherScripts.includes(file)) return null;
  const install = findInstall(script, catalogue);
  const product = catalogue.launcherProducts.get(file);
  if (isNamedSo && product?.kind === "web-server")
    return isPassing ? null : as(product, "web-server", "launcher");
  if (install && install.by !== "fork-folder") {
    if (isPassing) return null;
    const named = install.by === "folder" ? install.product : (product ?? install.product);
    return as(named, install.product.kind, hasFlag(args, shapes.agentFlags) ? "agent" : "launcher");
  }
  // Any program may ship a bin/x-server or lie in ~/.x-server; only the flag that IDEs pass makes it one of theirs.
  if (!serves && !hasFlag(args, shapes.startFlags)) return null;
  return as(product ?? catalogue.fork, kindByFlags(args, catalogue), "launcher");
}

/** The script's shape and the root before it. */
function shapeOf(script: string, { shapes }: Catalogue): { name: string; root: string } | null {
  const names = [...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts];
  const name = names.find((candidate) => endsWithPath(script, candidate));
  return name === undefined ? null : { name, root: script.slice(0, -name.length).replace(/\/$/, "") };
}

/** Finds the installation that says more: a catalogued folder, then a layout; between equals, the script's. */
function findBestInstall(script: string, exe: string, catalogue: Catalogue): Install | null {
  const ofScript = findInstall(script, catalogue);
  const ofExe = findInstall(exe, catalogue);
  const rank = (install: Install | null): number =>
    install === null ? 0 : { folder: 4, layout: 3, extension: 2, "fork-folder": 1 }[install.by];
  return rank(ofExe) > rank(ofScript) ? ofExe : ofScript;
}

/**
 * A server in no known place: one that listens on a fixed port of its own is a web server, for a client that comes
 * through ssh has a port picked for it (`--port=0`, a range) or a socket. Without any of these the port is 8000.
 */
function kindByFlags(args: readonly string[], { shapes }: Catalogue): Kind {
  if (hasFlag(args, [...shapes.remoteFlags])) return "server";
  const ports = valuesOf(args, "--port");
  return ports.some((port) => port === "0" || port.includes("-")) ? "server" : "web-server";
}

/** The server's program used as a short command: `--install-extension X`, `--version`, without `--start-server`. */
function isOneShot(args: readonly string[], { shapes }: Catalogue): boolean {
  return hasFlag(args, shapes.oneShotFlags) && !hasFlag(args, shapes.startFlags);
}

const as = (product: Product, kind: Kind, role: Role): Recognition => ({
  product: product.id,
  kind: kindIn(role, kind),
  role,
});

/** Tells whether a process is part of an IDE's server or a coding agent's: by its executable, then exact arguments. */

import { exeName, exePath, type Proc } from "../observation/process.ts";
import { type Catalogue, isNamed } from "./catalogue.ts";
import { loadedIndex, moduleIndex, scriptIndex } from "./command-line.ts";
import { isOwnNode, recogniseLauncher, recogniseNodeWrapper, recogniseServerScript } from "./ide-server.ts";
import { findInstall, type Install, isHelperPath, isRenamedByNfs, rootPath } from "./install-path.ts";
import { componentsOf } from "./path-pattern.ts";
import { type Recognition, recogniseCli, recogniseProgram } from "./program-rules.ts";

export type { Role } from "./catalogue.ts";
export type { Recognition } from "./program-rules.ts";

/** What recognising needs of a process. */
export type Seen = Pick<Proc, "exe" | "argv" | "argvStatus"> &
  Partial<Pick<Proc, "pid" | "pgid" | "sid">> & {
    /** A server or a worker of one is known to run below it, so no flag makes it a passing command. */
    readonly serves?: boolean;
  };

/** Recognises a process; null: it belongs to a server only by being below one. */
export function recognise(seen: Seen, catalogue: Catalogue): Recognition | null {
  const site = recogniseBySite(seen, catalogue);
  if (site) return site;
  const exe = programOf(seen, catalogue);
  const name = exeName(exe);
  const bare = name.replace(/[-.]?\d+(?:\.\d+)*$/, "");
  const { interpreters } = catalogue;
  // Guard: a process may wipe its command line, which the kernel then shows as nothing but NULs.
  const isRead = seen.argv.some((element) => element !== "");
  if (isLoader(name, catalogue)) {
    const at = isRead ? loadedIndex(seen.argv) : null;
    const argv = seen.argv.slice(at ?? 0);
    return at === null ? null : recognise({ ...seen, exe: argv[0] ?? "", argv }, catalogue);
  }
  if (interpreters.node.includes(bare) || (isRead && runsOwnScript(exe, seen, catalogue)))
    return isRead ? recogniseNode(exe, seen, catalogue) : unreadNode(exe, catalogue);
  if (interpreters.shell.includes(bare)) {
    const at = isRead ? scriptIndex(seen.argv) : null;
    return at === null ? null : recogniseShell(seen, at, catalogue);
  }
  const args = isRead ? seen.argv.slice(1) : null;
  const program = recogniseProgram(exe, args, catalogue);
  if (program !== undefined) return program;
  const cli = recogniseCli(exe, args, catalogue);
  if (cli !== undefined) return cli;
  const install = findInstall(exe, catalogue);
  if (install) return helper(install, exe, seen, catalogue);
  return interpreters.other.includes(bare) && isRead ? recogniseOther(seen, catalogue) : null;
}

/** Tells whether an executable is a loader of the C library, which runs the program that its command line names. */
export const isLoader = (name: string, { interpreters }: Catalogue): boolean =>
  interpreters.loaderPrefixes.some((start) => name.startsWith(start));

/** A file of an installation that runs one of its server's scripts is its node, under any name. */
function runsOwnScript(exe: string, { argv }: Seen, catalogue: Catalogue): boolean {
  const at = scriptIndex(argv);
  return at !== null && isOwnNode(exe, argv[at] ?? "", catalogue);
}

/** The path of the program, without the kernel's " (deleted)" and NFS's name for a removed file that still runs. */
export function programOf({ exe, argv }: Pick<Proc, "exe" | "argv">, catalogue: Catalogue): string {
  const path = exePath(exe ?? "");
  if (!isRenamedByNfs(exeName(path), catalogue)) return path;
  const called = componentsOf(argv[0] ?? "").at(-1);
  return called === undefined ? path : `${path.slice(0, path.lastIndexOf("/"))}/${called}`;
}

/** node and the like: what it runs decides, for a user's web application may run on the IDE's node. */
function recogniseNode(exe: string, seen: Seen, catalogue: Catalogue): Recognition | null {
  const at = scriptIndex(seen.argv);
  const script = at === null ? undefined : seen.argv[at];
  if (at === null || script === undefined) return null;
  const args = seen.argv.slice(at + 1);
  const program = recogniseProgram(script, args, catalogue);
  if (program !== undefined) return program;
  const server = recogniseServerScript({ exe, script, args, serves: seen.serves === true }, catalogue);
  if (server !== undefined) return server;
  const install = findInstall(script, catalogue);
  return install && helper(install, script, seen, catalogue);
}

function recogniseShell(seen: Seen, at: number, catalogue: Catalogue): Recognition | null {
  const script = seen.argv[at] ?? "";
  const args = seen.argv.slice(at + 1);
  const program = recogniseProgram(script, args, catalogue);
  if (program !== undefined) return program;
  const serves = seen.serves === true;
  return (
    recogniseLauncher(script, args, serves, catalogue) ??
    recogniseNodeWrapper(script, args, serves, catalogue)
  );
}

/** An IDE's own node whose command line is unknown: a bare folder's name such as `.acme-server` does not make it one. */
function unreadNode(exe: string, catalogue: Catalogue): Recognition | null {
  const install = findInstall(exe, catalogue);
  return install && install.by !== "fork-folder" ? as(install, "unknown") : null;
}

/** python, java and the like running a script of an extension, or a program that the catalogue has by its script. */
function recogniseOther(seen: Seen, catalogue: Catalogue): Recognition | null {
  const jar = seen.argv.indexOf("-jar");
  const at = jar > 0 ? jar + 1 : (moduleIndex(seen.argv) ?? scriptIndex(seen.argv));
  const script = at === null ? undefined : seen.argv[at];
  if (at === null || script === undefined) return null;
  const args = seen.argv.slice(at + 1);
  const program = recogniseProgram(script, args, catalogue);
  if (program !== undefined) return program;
  const install = findInstall(script, catalogue);
  return install && helper(install, script, seen, catalogue);
}

function helper(install: Install, path: string, seen: Seen, catalogue: Catalogue): Recognition | null {
  if (!isHelperPath(install, catalogue) || isUsersOwn(path, seen, catalogue)) return null;
  const found = as(install, "helper");
  // Guard: any folder of a web site may be called bin/<commit> and have its node_modules.
  return install.by === "layout" ? { ...found, beside: rootPath(path, install) } : found;
}

/**
 * A program of an extension's folder that the user runs: one that is made to be run by hand, or anything that leads a
 * process group of its own within a session. An interactive shell starts each job so (`nohup claude &`); what an
 * extension host starts stays in the server's group, or gets a session of its own.
 */
function isUsersOwn(path: string, { pid, pgid, sid }: Seen, { ownPrograms }: Catalogue): boolean {
  if (componentsOf(path).some((part) => isNamed(part, ownPrograms))) return true;
  return pgid !== undefined && pgid === pid && sid !== pid;
}

function recogniseBySite(seen: Seen, catalogue: Catalogue): Recognition | null {
  const exe = exePath(seen.exe ?? "");
  const found = catalogue.patterns.find(
    ({ fits, argv }) => fits.test(exe) && argv.every((element) => seen.argv.includes(element)),
  );
  if (!found) return null;
  const kind = catalogue.byId.get(found.product)?.kind ?? "server";
  return { product: found.product, kind, role: "server" };
}

function as({ product }: Install, role: Recognition["role"]): Recognition {
  return { product: product.id, kind: product.kind, role };
}

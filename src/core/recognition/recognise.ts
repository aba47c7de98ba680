/** Tells whether a process is part of an IDE's server or a coding agent's: by its executable, then exact arguments. */

import { exeName, exePath, type Proc } from "../observation/process.ts";
import { type Catalogue, isNamed } from "./catalogue.ts";
import { loadedIndex, scriptIndex } from "./command-line.ts";
import { isOwnNode, recogniseLauncher, recogniseNodeWrapper, recogniseServerScript } from "./ide-server.ts";
import { findInstall, type Install, rootPath } from "./install-path.ts";
import { componentsOf } from "./path-pattern.ts";
import { type Recognition, recogniseCli, recogniseProgram } from "./program-rules.ts";

export type { Role } from "./catalogue.ts";
export type { Recognition } from "./program-rules.ts";

/** What recognising needs of a process; a command line that could not be read is empty. */
export type Seen = Pick<Proc, "exe" | "argv"> &
  Partial<Pick<Proc, "pid" | "pgid" | "sid">> & {
    /** A server or a worker of one is known to run below it, so no flag makes it a passing command. */
    readonly serves?: boolean;
  };

/** What a process runs. */
export interface Run {
  /** The path of its executable, without the kernel's " (deleted)" and NFS's name for a removed file that still runs. */
  readonly exe: string;
  /** The kind of interpreter that it is; null: none. */
  readonly by: "node" | "shell" | "other" | null;
  /** Its command line; null: it could not be read. */
  readonly argv: readonly string[] | null;
  /** Where the script or module of an interpreter stands in that; null: nowhere. */
  readonly at: number | null;
}

/** Finds out what a process runs; null: a loader of the C library that shows no program. */
function runOf({ exe: link, argv }: Pick<Proc, "exe" | "argv">, catalogue: Catalogue): Run | null {
  const exe = programOf(exePath(link ?? ""), argv[0] ?? "", catalogue);
  const name = exeName(exe);
  const bare = name.replace(/[-.]?\d+(?:\.\d+)*$/, "");
  const { loaderPrefixes, node, shell, other } = catalogue.interpreters;
  // Guard: a process may wipe its command line, which the kernel then shows as nothing but NULs.
  const isRead = argv.some((element) => element !== "");
  if (loaderPrefixes.some((start) => name.startsWith(start))) {
    const loaded = isRead ? loadedIndex(argv) : null;
    return loaded === null ? null : runOf({ exe: argv[loaded] ?? "", argv: argv.slice(loaded) }, catalogue);
  }
  if (!isRead) return { exe, by: node.includes(bare) ? "node" : null, argv: null, at: null };
  const at = scriptIndex(argv);
  // A file of an installation that runs one of its server's scripts is its node, under any name.
  if (node.includes(bare) || isOwnNode(exe, argv[at ?? argv.length] ?? "", catalogue))
    return { exe, by: "node", argv, at };
  if (shell.includes(bare)) return { exe, by: "shell", argv, at };
  if (!other.includes(bare)) return { exe, by: null, argv, at: null };
  const jar = argv.indexOf("-jar");
  return { exe, by: "other", argv, at: jar > 0 ? jar + 1 : at };
}

/** NFS keeps a removed file that still runs under such a name, in the folder where it lay. */
function programOf(path: string, called: string, { shapes }: Catalogue): string {
  const name = componentsOf(called).at(-1);
  const isRenamed = name !== undefined && exeName(path).startsWith(shapes.nfsRenamed);
  return isRenamed ? `${path.slice(0, path.lastIndexOf("/"))}/${name}` : path;
}

/** Recognises a process; null: it belongs to a server only by being below one. */
export function recognise(seen: Seen, catalogue: Catalogue): Recognition | null {
  const site = recogniseBySite(seen, catalogue);
  if (site) return site;
  const run = runOf(seen, catalogue);
  if (!run) return null;
  const { exe, by, argv, at } = run;
  if (argv === null && by === "node") return unreadNode(exe, catalogue);
  if (by === null || by === "other") {
    const found = recogniseFile(exe, argv?.slice(1) ?? null, run, seen, catalogue);
    if (found !== undefined) return found;
  }
  // What an interpreter runs decides, for a user's web application may run on the IDE's node.
  if (argv === null || at === null) return null;
  return recogniseFile(argv[at] ?? "", argv.slice(at + 1), run, seen, catalogue) ?? null;
}

/** Recognises an executable or a script with its arguments; undefined: nothing is known of this path. */
function recogniseFile(
  path: string,
  args: readonly string[] | null,
  { by, exe }: Run,
  seen: Seen,
  catalogue: Catalogue,
): Recognition | null | undefined {
  const program = recogniseProgram(path, args, catalogue);
  if (program !== undefined) return program;
  const serves = seen.serves === true;
  if (by === "shell" && args)
    return (
      recogniseLauncher(path, args, serves, catalogue) ?? recogniseNodeWrapper(path, args, serves, catalogue)
    );
  const found =
    by === "node" && args
      ? recogniseServerScript({ exe, script: path, args, serves }, catalogue)
      : path === exe
        ? recogniseCli(path, args, catalogue)
        : undefined;
  if (found !== undefined) return found;
  const install = findInstall(path, catalogue);
  return install ? helper(install, path, seen, catalogue) : undefined;
}

/** An IDE's own node whose command line is unknown: a bare folder's name such as `.acme-server` does not make it one. */
function unreadNode(exe: string, catalogue: Catalogue): Recognition | null {
  const install = findInstall(exe, catalogue);
  return install && install.by !== "fork-folder" ? as(install, "unknown") : null;
}

function helper(install: Install, path: string, seen: Seen, catalogue: Catalogue): Recognition | null {
  const isBelow = install.rest.slice(0, -1).some((part) => catalogue.shapes.helperFolders.includes(part));
  if (install.by === "fork-folder" || !isBelow || isUsersOwn(path, seen, catalogue)) return null;
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
  return pgid === pid && sid !== pid;
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

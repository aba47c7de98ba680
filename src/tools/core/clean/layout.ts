/** Which entries of a server folder are installed versions, by their names alone. */

import type { Catalogue } from "../../../core/recognition/catalogue.ts";

/** The prefix of what `clean` is about to remove: a server finds a version whole or not at all. */
export const LEFTOVER = ".vscode-grim-reaper-clean.";

/** Folders of a server folder that hold versions, itself among them. */
export const HOLDERS = ["", "bin", "cli/servers", "servers"] as const;
/** Folders in `bin` that hold versions as well. */
export const PLATFORM = /^(?:linux|alpine|darwin)-[a-z0-9-]+$/;

const COMMIT = "([0-9a-f]{40})";
/** `bin/<commit>`, Antigravity's `bin/<number>-<commit>`, `cli/servers/Stable-<commit>`. */
const VERSION_FOLDER = new RegExp(`^.+/(?:[A-Za-z0-9][A-Za-z0-9.]*-)?${COMMIT}$`);
/** The command-line program: `code-<commit>`, `code-insiders-<commit>`. */
const PROGRAM = new RegExp(`^[a-z][a-z-]*-${COMMIT}$`);
/** `.<commit>.log`, `.cli.<commit>.log`, `.stable-<commit>.token`, `vscode-remote-lock.<user>.<commit>`. */
const TRACE = new RegExp(
  `^(?:\\.(?:[a-z-]+[.-])?${COMMIT}\\.(?:log|pid|token)|vscode-remote-lock\\..*\\.${COMMIT})$`,
);
const OWN_NUMBERS: Readonly<Record<string, RegExp>> = {
  zed: /^(zed-remote-server-[a-z]+-\d[\w.+-]*)$/,
  jetbrains: /^([0-9a-f]{8,}_[A-Za-z][\w.-]*)$/,
};

/**
 * The server folders that may lie in a home, with paths relative to it: those of products that ssh or a tunnel reaches, and
 * a site's own.
 */
export function serverFolders(catalogue: Catalogue) {
  return (
    catalogue.products
      .filter(({ kind }) => kind !== "web-server")
      .flatMap(({ id, directories }) =>
        directories.map((path) => ({ product: id, path: id === "jetbrains" ? `.cache/${path}` : path })),
      )
      // A dot folder: anything else in a home is the user's own work.
      .filter(({ path }) => path.startsWith(".") && !path.split("/").includes(".."))
  );
}
export type ServerFolder = ReturnType<typeof serverFolders>[number];

/**
 * What the entry `name` of the holder `above` is; null: nothing that `clean` knows. `install`: files that can be downloaded
 * again; `trace`: a log, a lock or a token, whose age says when it was used; `version`: the commit, or the whole name where
 * a product numbers its versions otherwise; `leftover`: an interrupted `clean` has renamed it.
 */
export function partOf(product: string, above: string, name: string) {
  const leftover = name.startsWith(LEFTOVER);
  const path = (above === "" ? "" : `${above}/`) + (leftover ? name.slice(LEFTOVER.length) : name);
  const own = OWN_NUMBERS[product];
  const install = own ? own.exec(path) : (VERSION_FOLDER.exec(path) ?? PROGRAM.exec(path));
  if (install?.[1]) return { version: install[1], role: "install", leftover } as const;
  const [, log, lock] = (own ? null : TRACE.exec(path)) ?? [];
  const version = log ?? lock;
  return version === undefined ? null : ({ version, role: "trace", leftover } as const);
}

/** Files inside a version that its server writes at each start. */
export const TRACES_INSIDE = ["log.txt", "pid.txt"] as const;

/** Files whose last read dates a version without any trace. */
export const PROGRAMS_INSIDE = ["node", "server/node", "out/server-main.js"] as const;

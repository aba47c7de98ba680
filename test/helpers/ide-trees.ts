// The trees of real servers, argv element for element: each builder writes the files under a home folder that the
// test made, and gives the plan that startTree (puppet.ts) turns into processes.
import { join } from "node:path";

export { sleeper, tarOnServer, tmuxServer, vimOnSettings } from "./bystanders.ts";
export { installPuppet, puppetNamed } from "./install.ts";

export const COMMIT = "e18005f0f1b33c29e81d732535d8c0e47cafb0b5";

export type Role =
  | "launcher"
  | "server"
  | "extensionHost"
  | "helper"
  | "fileWatcher"
  | "ptyHost"
  | "shell"
  | "cli";

export interface TreeOptions {
  readonly uid?: number;
  /** Product folder under the home (default ".vscode-server"). */
  readonly directory?: string;
  /** Name of the launcher script under bin (default "code-server"). */
  readonly script?: string;
  readonly extensionHosts?: number;
  /** Language servers below each extensionHost. */
  readonly helpers?: number;
  readonly ptyShells?: number;
  /** Prefix of all names in the plan, for two trees in one plan. */
  readonly prefix?: string;
  /** Added to the server's and launcher's argv, e.g. --reconnection-grace-time=60. */
  readonly flags?: readonly string[];
  /** Behaviours of all processes of a role. */
  readonly behaviours?: Partial<Record<Role, readonly Behaviour[]>>;
  /** Below each shell in the terminal, e.g. a tmux client or a build. */
  readonly inShell?: readonly PlanNode[];
  /** False leaves the root a child of the stage; by default it is re-parented to pid 1, as after its ssh session. */
  readonly daemon?: boolean;
}

/**
 * A server as the legacy bootstrap starts it: sh launcher > node server-main.js > extensionHost (> language server),
 * fileWatcher, ptyHost > bash. Names in the plan: launcher, server, extensionHost0, helper0.0, fileWatcher, ptyHost,
 * shell0.
 */
export function legacy(home: string, commit: string, options: TreeOptions = {}): PlanNode {
  const directory = join(home, options.directory ?? ".vscode-server");
  const token = join(directory, `.${commit}.token`);
  const flags = [
    "--start-server",
    "--host=127.0.0.1",
    "--accept-server-license-terms",
    "--enable-remote-auto-shutdown",
    "--port=0",
    "--telemetry-level",
    "all",
    "--connection-token-file",
    token,
  ];
  const server = serverTree(
    home,
    join(directory, "bin", commit),
    [...flags, ...(options.flags ?? [])],
    options,
  );
  writeOwned(token, "00000000-0000-4000-8000-000000000000", options.uid, 0o600);
  return server;
}

/** A legacy server without its launcher, adopted by pid 1: what is below it may run as anybody. */
export function bareServer(
  home: string,
  uid: number,
  behaviours: readonly Behaviour[] = [],
  children: readonly PlanNode[] = [],
): PlanNode {
  const root = join(home, ".vscode-server", "bin", COMMIT);
  const exe = join(root, "node");
  installPuppet(home, exe, uid);
  const argv = [exe, join(root, "out", "server-main.js"), "--start-server", "--port=0"];
  return { name: "server", uid, exe, argv, behaviours: ["daemon", ...behaviours], children };
}

/** The server that a CLI in exec-server mode starts; it listens on a unix socket only. */
export function execServerTree(
  home: string,
  commit: string,
  socket: string,
  options: TreeOptions = {},
): PlanNode {
  const quality = options.directory?.includes("insiders") === true ? "Insiders" : "Stable";
  const directory = join(home, options.directory ?? ".vscode-server");
  const root = join(directory, "cli", "servers", `${quality}-${commit}`, "server");
  const flags = [
    "--connection-token=remotessh",
    "--accept-server-license-terms",
    "--start-server",
    "--enable-remote-auto-shutdown",
    `--socket-path=${socket}`,
  ];
  const listen: Behaviour = `unix-listen=${socket}`;
  const own = options.behaviours?.server ?? [];
  const behaviours = { ...options.behaviours, server: [listen, ...own] };
  return serverTree(home, root, [...flags, ...(options.flags ?? [])], { ...options, behaviours });
}

function serverTree(home: string, root: string, flags: readonly string[], options: TreeOptions): PlanNode {
  const { uid, prefix = "", behaviours = {} } = options;
  const node = join(root, "node");
  const script = join(root, "bin", options.script ?? "code-server");
  installPuppet(home, node, uid);
  writeLauncher(script, uid);
  const fork = (
    name: string,
    role: Role,
    type: string[],
    children: PlanNode[],
    before: string[] = [],
  ): PlanNode => ({
    name: `${prefix}${name}`,
    uid,
    exe: node,
    argv: [node, ...before, join(root, "out", "bootstrap-fork"), ...type],
    behaviours: behaviours[role],
    children,
  });
  const helper = (host: number, index: number): PlanNode => ({
    name: `${prefix}helper${host}.${index}`,
    uid,
    exe: node,
    argv: [
      node,
      join(root, "extensions", "markdown-language-features", "dist", "serverWorkerMain"),
      "--node-ipc",
      `--clientProcessId=${PARENT_PID}`,
    ],
    behaviours: behaviours.helper,
  });
  const hosts = range(options.extensionHosts ?? 1).map((host) =>
    fork(
      `extensionHost${host}`,
      "extensionHost",
      ["--type=extensionHost", "--transformURIs", "--useHostProxy=false"],
      range(options.helpers ?? 1).map((index) => helper(host, index)),
      ["--dns-result-order=ipv4first"],
    ),
  );
  const shells = range(options.ptyShells ?? 1).map((index) => shell(root, `${prefix}shell${index}`, options));
  const logs = join(home, options.directory ?? ".vscode-server", "data", "logs", "20260420T100549");
  const server: PlanNode = {
    name: `${prefix}server`,
    uid,
    exe: node,
    argv: [node, join(root, "out", "server-main.js"), ...flags],
    behaviours: behaviours.server,
    children: [
      ...hosts,
      fork("fileWatcher", "fileWatcher", ["--type=fileWatcher"], []),
      fork("ptyHost", "ptyHost", ["--type=ptyHost", "--logsPath", logs], shells),
    ],
  };
  const daemon: readonly Behaviour[] = options.daemon === false ? [] : ["daemon"];
  return {
    name: `${prefix}launcher`,
    uid,
    exe: "/bin/sh",
    argv: ["sh", script, ...flags],
    behaviours: ["foreign", "launch", ...daemon, ...(behaviours.launcher ?? [])],
    children: [server],
  };
}

function shell(root: string, name: string, options: TreeOptions): PlanNode {
  const init = join(
    root,
    "out",
    "vs",
    "workbench",
    "contrib",
    "terminal",
    "common",
    "scripts",
    "shellIntegration-bash.sh",
  );
  writeOwned(init, "", options.uid, 0o644);
  return {
    name,
    uid: options.uid,
    exe: "/bin/bash",
    argv: ["/bin/bash", "--init-file", init],
    behaviours: ["foreign", "hold-stdin", "setsid", ...(options.behaviours?.shell ?? [])],
    children: options.inShell?.map((node) => ({ ...node, uid: node.uid ?? options.uid })),
  };
}

// The launcher as Microsoft ships it: node runs in the foreground, so sh stays as its parent.
function writeLauncher(path: string, uid: number | undefined): void {
  const lines = [
    "#!/usr/bin/env sh",
    'ROOT="$(dirname "$(dirname "$(readlink -f "$0")")")"',
    '"$ROOT/node" "$ROOT/out/server-main.js" "$@"',
    "",
  ];
  writeOwned(path, lines.join("\n"), uid, 0o755);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

import { installPuppet, writeOwned } from "./install.ts";
import { type Behaviour, PARENT_PID, type PlanNode } from "./puppet-plan.ts";

// The trees of real servers, argv element for element: each builder writes the files under a home folder that the
// test made, and gives the plan that startTree (puppet.ts) turns into processes.
import { join } from "node:path";
import { installPuppet, puppetNamed, writeOwned } from "./install.ts";
import { type Behaviour, PARENT_PID, type PlanNode } from "./puppet-plan.ts";

export { installPuppet, puppetNamed } from "./install.ts";

export const COMMIT = "e18005f0f1b33c29e81d732535d8c0e47cafb0b5";

export interface TreeOptions {
  readonly uid: number;
  /** Prefix of all names in the plan, for two trees in one plan. */
  readonly prefix?: string;
  /** Behaviours of all that runs the server's node. */
  readonly behaviours?: readonly Behaviour[];
  /** False leaves the root a child of the stage; by default it is re-parented to pid 1, as after its ssh session. */
  readonly daemon?: boolean;
}

/** A process under any name in HOME/bin that only sleeps. */
export function sleeper(home: string, name: string, argv: readonly string[], uid?: number): PlanNode {
  return { name, uid, exe: puppetNamed(home, name, uid), argv };
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

/**
 * A server as the legacy bootstrap starts it: sh launcher > node server-main.js > extensionHost (> language server),
 * fileWatcher, ptyHost > bash. Names in the plan: launcher, server, extensionHost, helper, fileWatcher, ptyHost, shell.
 */
export function legacy(home: string, options: TreeOptions): PlanNode {
  const directory = join(home, ".vscode-server");
  const token = join(directory, `.${COMMIT}.token`);
  const flags = [
    ...["--start-server", "--host=127.0.0.1", "--accept-server-license-terms"],
    ...["--enable-remote-auto-shutdown", "--port=0", "--telemetry-level", "all"],
    ...["--connection-token-file", token],
  ];
  const tree = serverTree(home, join(directory, "bin", COMMIT), flags, options);
  writeOwned(token, "00000000-0000-4000-8000-000000000000", options.uid, 0o600);
  return tree;
}

/** The server that a CLI in exec-server mode starts; it listens on a unix socket only. */
export function execServerTree(home: string, socket: string, options: TreeOptions): PlanNode {
  const root = join(home, ".vscode-server", "cli", "servers", `Stable-${COMMIT}`, "server");
  const flags = [
    ...["--connection-token=remotessh", "--accept-server-license-terms", "--start-server"],
    ...["--enable-remote-auto-shutdown", `--socket-path=${socket}`],
  ];
  return serverTree(home, root, flags, options, [`unix-listen=${socket}`]);
}

function serverTree(
  home: string,
  root: string,
  flags: readonly string[],
  { uid, prefix = "", behaviours = [], daemon = true }: TreeOptions,
  ofServer: readonly Behaviour[] = [],
): PlanNode {
  const exe = join(root, "node");
  const script = join(root, "bin", "code-server");
  installPuppet(home, exe, uid);
  // The launcher as Microsoft ships it: node runs in the foreground, so sh stays as its parent.
  const lines = [
    "#!/usr/bin/env sh",
    'ROOT="$(dirname "$(dirname "$(readlink -f "$0")")")"',
    '"$ROOT/node" "$ROOT/out/server-main.js" "$@"\n',
  ];
  writeOwned(script, lines.join("\n"), uid, 0o755);
  const init = join(root, "out/vs/workbench/contrib/terminal/common/scripts/shellIntegration-bash.sh");
  writeOwned(init, "", uid, 0o644);

  const node = (name: string, argv: readonly string[], children: readonly PlanNode[] = []): PlanNode => ({
    name: prefix + name,
    uid,
    exe,
    argv: [exe, ...argv],
    behaviours,
    children,
  });
  const fork = (name: string, argv: readonly string[], ...children: PlanNode[]): PlanNode =>
    node(name, [join(root, "out", "bootstrap-fork"), `--type=${name}`, ...argv], children);
  const worker = join(root, "extensions", "markdown-language-features", "dist", "serverWorkerMain");
  const helper = node("helper", [worker, "--node-ipc", `--clientProcessId=${PARENT_PID}`]);
  const shell: PlanNode = {
    name: `${prefix}shell`,
    uid,
    exe: "/bin/bash",
    argv: ["/bin/bash", "--init-file", init],
    behaviours: ["foreign", "hold-stdin", "setsid"],
  };
  const logs = join(home, ".vscode-server", "data", "logs", "20260420T100549");
  const server = node(
    "server",
    [join(root, "out", "server-main.js"), ...flags],
    [
      fork("extensionHost", ["--transformURIs", "--useHostProxy=false"], helper),
      fork("fileWatcher", []),
      fork("ptyHost", ["--logsPath", logs], shell),
    ],
  );
  return {
    name: `${prefix}launcher`,
    uid,
    exe: "/bin/sh",
    argv: ["sh", script, ...flags],
    behaviours: ["foreign", "launch", ...(daemon ? (["daemon"] as const) : [])],
    children: [{ ...server, behaviours: [...behaviours, ...ofServer] }],
  };
}

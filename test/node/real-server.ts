import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../helpers/until.ts";
import { cached, repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";
import type { SshClient } from "./ssh-client.ts";

/** Lays a real VS Code server over the node's root, in both generations, as alice's. Made once, then cached. */
export function realServerLayer(): Promise<string> {
  return cached("real-server.sh");
}

export interface ServerOptions {
  /** Whether the script that started the server stays with a keep-alive loop (default), or ends its session. */
  readonly stay?: boolean;
  /** More flags, such as "--reconnection-grace-time=3". */
  readonly flags?: readonly string[];
  readonly cuttable?: boolean;
}

/** A running server and the ssh connection that started it. */
export interface RealServer {
  readonly generation: "legacy" | "exec-server";
  readonly ssh: SshClient;
  /** The launcher `sh …/bin/code-server`, the root of the server's tree. */
  readonly rootPid: number;
  /** `…/out/server-main.js`. */
  readonly mainPid: number;
  /** The command line program of the exec-server generation. */
  readonly cliPid: number | null;
  /** Where a window connects through ssh: the server's port, or that of the command line program. */
  readonly port: number;
  /** The SOCKS port of the ssh connection that started it (`ssh -D`), through which its own window connects. */
  readonly socksPort: number;
  /** The server's own unix socket, in the exec-server generation. */
  readonly socketPath: string | null;
  readonly token: string | null;
  readonly commit: string;
  readonly log: () => Promise<string>;
}

const FLAGS =
  "--start-server --accept-server-license-terms --enable-remote-auto-shutdown --telemetry-level off";
const KEEP_ALIVE = "while true; do sleep 180; printf ' '; done\n";

export function commitOf(layer: string): string {
  return readFileSync(join(layer, "commit"), "utf8").trim();
}

/** Starts the server as Remote-SSH with `useExecServer: false` does: a script on the standard input of `ssh -T`. */
export async function startLegacyServer(
  node: LoginNode,
  layer: string,
  options: ServerOptions = {},
): Promise<RealServer> {
  const { stay = true, flags = [], cuttable = false } = options;
  const commit = commitOf(layer);
  const log = `/home/alice/.vscode-server/.${commit}.log`;
  const script = `
    "$HOME/.vscode-server/bin/${commit}/bin/code-server" --host=127.0.0.1 --port=0 ${FLAGS} \
      --without-connection-token ${flags.join(" ")} >"${log}" 2>&1 </dev/null &
    echo "$!" >"$HOME/.vscode-server/.${commit}.pid"
    echo "server==$!=="
    ${stay ? KEEP_ALIVE : "exit"}
`;
  const socksPort = node.nextPort();
  const ssh = await node.ssh("alice", null, {
    stdin: script,
    cuttable,
    options: ["-D", `127.0.0.1:${socksPort}`],
  });
  const rootPid = Number((await ssh.waitOutput(/^server==(\d+)==$/m))[1]);
  const readLog = () => node.read(log);
  const port = await until(
    async () => {
      const match = /Extension host agent listening on (\d+)/.exec(await readLog());
      assert.ok(match, "the server does not listen");
      return Number(match[1]);
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
  const mainPid = await mainOf(node, rootPid);
  const common = { generation: "legacy" as const, ssh, rootPid, mainPid, port, commit, log: readLog };
  return { ...common, socksPort, cliPid: null, socketPath: null, token: null };
}

/** Starts the server as today's Remote-SSH does, below a (stand-in) command line program that relays to it. */
export async function startExecServer(
  node: LoginNode,
  layer: string,
  options: Omit<ServerOptions, "stay"> = {},
): Promise<RealServer> {
  const { flags = [], cuttable = false } = options;
  const commit = commitOf(layer);
  const base = "/home/alice/.vscode-server";
  const socketPath = `/tmp/code-${randomUUID()}`;
  const log = `${base}/.cli.${commit}.log`;
  await node.copyIn(`${base}/command-shell`, readFileSync(join(repository(), "test/node/cli-stand-in.cjs")), {
    owner: "alice:alice",
  });
  // The stand-in's script is found in the working folder, so that the command line reads as the real one's does.
  const script = `
    cd "${base}"
    "${base}/code-${commit}" command-shell --cli-data-dir "${base}/cli" --parent-process-id $$ --socket ${socketPath} \
      --server "${base}/cli/servers/Stable-${commit}/server/bin/code-server" \
      ${flags.map((flag) => `--extra=${flag}`).join(" ")} >"${log}" 2>&1 </dev/null &
    echo "cli==$!=="
    ${KEEP_ALIVE}
`;
  const socksPort = node.nextPort();
  const proxy = ["-D", `127.0.0.1:${socksPort}`];
  const ssh = await node.ssh("alice", ["sh"], { stdin: script, cuttable, options: proxy });
  const cliPid = Number((await ssh.waitOutput(/^cli==(\d+)==$/m))[1]);
  const readLog = () => node.read(log);
  const [rootPid, port] = await until(
    async () => {
      const text = await readLog();
      const server = /^server==(\d+)==$/m.exec(text);
      const listening = /^listening==(\d+)==$/m.exec(text);
      assert.ok(server && listening, `the server does not listen:\n${text}`);
      return [Number(server[1]), Number(listening[1])];
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
  const mainPid = await mainOf(node, rootPid);
  const common = { generation: "exec-server" as const, ssh, rootPid, mainPid, port, commit, log: readLog };
  return { ...common, socksPort, cliPid, socketPath, token: "remotessh" };
}

/** A later session's command line program, which relays to the server that an earlier one started. */
export async function relayToServer(node: LoginNode, server: RealServer): Promise<RealServer> {
  const base = "/home/alice/.vscode-server";
  const script = `
    cd "${base}"
    "${base}/code-${server.commit}" command-shell --cli-data-dir "${base}/cli" --parent-process-id $$ \
      --socket ${server.socketPath} </dev/null &
    echo "cli==$!=="
    ${KEEP_ALIVE}
`;
  const socksPort = node.nextPort();
  const ssh = await node.ssh("alice", ["sh"], {
    stdin: script,
    options: ["-D", `127.0.0.1:${socksPort}`],
  });
  const cliPid = Number((await ssh.waitOutput(/^cli==(\d+)==$/m))[1]);
  const port = Number((await ssh.waitOutput(/^listening==(\d+)==$/m))[1]);
  return { ...server, ssh, cliPid, port, socksPort };
}

function mainOf(node: LoginNode, rootPid: number): Promise<number> {
  return until(async () => {
    const found = (await node.processes()).find(
      (p) => p.ppid === rootPid && p.args.includes("/out/server-main.js"),
    );
    assert.ok(found, "no server-main.js");
    return found.pid;
  });
}

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

/** A running server and the ssh connection that started it. */
export interface RealServer {
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
}

const FLAGS =
  "--start-server --accept-server-license-terms --enable-remote-auto-shutdown --telemetry-level off";
const BASE = "/home/alice/.vscode-server";
// A close within the clock tick (10 ms) of the server's start does not tag it.
const LEAVE = "sleep 0.1; exit";
const KEEP_ALIVE = "while true; do sleep 180; printf ' '; done\n";

function commitOf(layer: string): string {
  return readFileSync(join(layer, "commit"), "utf8").trim();
}

/**
 * Starts the server as Remote-SSH with `useExecServer: false` does: a script on the standard input of `ssh -T`, which
 * stays with a keep-alive loop, or ends its session.
 */
export async function startLegacyServer(
  node: LoginNode,
  layer: string,
  { stay = true }: { readonly stay?: boolean } = {},
): Promise<RealServer> {
  const commit = commitOf(layer);
  const log = `/home/alice/.vscode-server/.${commit}.log`;
  const stdin = `
    "$HOME/.vscode-server/bin/${commit}/bin/code-server" --host=127.0.0.1 --port=0 ${FLAGS} \
      --without-connection-token >"${log}" 2>&1 </dev/null &
    echo "server==$!=="
    ${stay ? KEEP_ALIVE : LEAVE}
`;
  const socksPort = node.nextPort();
  const ssh = await node.ssh("alice", null, { stdin, options: ["-D", `127.0.0.1:${socksPort}`] });
  const rootPid = Number((await ssh.waitOutput(/^server==(\d+)==$/m))[1]);
  const port = await until(async () => {
    const match = /Extension host agent listening on (\d+)/.exec(await node.read(log));
    assert.ok(match, "the server does not listen");
    return Number(match[1]);
  });
  const mainPid = await mainOf(node, rootPid);
  return { ssh, rootPid, mainPid, port, commit, socksPort, cliPid: null, socketPath: null, token: null };
}

/** Starts the server as today's Remote-SSH does, below a (stand-in) command line program that relays to it. */
export async function startExecServer(node: LoginNode, layer: string): Promise<RealServer> {
  const commit = commitOf(layer);
  const source = readFileSync(join(repository(), "test/node/cli-stand-in.cjs"));
  await node.copyIn(`${BASE}/command-shell`, source, { owner: "alice:alice" });
  const socketPath = `/tmp/code-${randomUUID()}`;
  const launcher = `${BASE}/cli/servers/Stable-${commit}/server/bin/code-server`;
  const { log, ...cli } = await startCli(node, commit, socketPath, `--server ${launcher}`);
  const rootPid = Number(/^server==(\d+)==$/m.exec(log)?.[1]);
  const mainPid = await mainOf(node, rootPid);
  return { ...cli, rootPid, mainPid, commit, socketPath, token: "remotessh" };
}

/** A later session's command line program, which relays to the server that an earlier one started. */
export async function relayToServer(node: LoginNode, server: RealServer): Promise<RealServer> {
  return { ...server, ...(await startCli(node, server.commit, server.socketPath ?? "", "")) };
}

/** The stand-in's script is found in the working folder, so that the command line reads as the real one's does. */
async function startCli(
  node: LoginNode,
  commit: string,
  socket: string,
  more: string,
): Promise<Pick<RealServer, "ssh" | "cliPid" | "port" | "socksPort"> & { readonly log: string }> {
  const socksPort = node.nextPort();
  const file = `${BASE}/.cli.${socksPort}.log`;
  const stdin = `
    cd "${BASE}"
    "${BASE}/code-${commit}" command-shell --cli-data-dir "${BASE}/cli" --parent-process-id $$ \
      --socket ${socket} ${more} >"${file}" 2>&1 </dev/null &
    echo "cli==$!=="
    ${KEEP_ALIVE}
`;
  const ssh = await node.ssh("alice", ["sh"], { stdin, options: ["-D", `127.0.0.1:${socksPort}`] });
  const cliPid = Number((await ssh.waitOutput(/^cli==(\d+)==$/m))[1]);
  const [log, port] = await until(async () => {
    const text = await node.read(file);
    const found = /^listening==(\d+)==$/m.exec(text);
    assert.ok(found, `the program does not listen:\n${text}`);
    return [text, Number(found[1])] as const;
  });
  return { ssh, cliPid, port, socksPort, log };
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

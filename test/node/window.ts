import { randomUUID } from "node:crypto";
import type { Running } from "./inside.ts";
import type { LoginNode } from "./login-node.ts";
import type { RealServer } from "./real-server.ts";
import type { SshClient } from "./ssh-client.ts";

export interface WindowOptions {
  readonly user?: string;
  /**
   * `starter`: through the ssh connection that started the server, as a first window is. `port` (default): through one
   * of its own, as a later window is. `socket`: the same, straight to the server's unix socket.
   */
  readonly via?: "starter" | "port" | "socket";
  /** Of an earlier window: come back to its connections. */
  readonly reconnectionToken?: string;
  readonly cuttable?: boolean;
}

/** What one editor window holds: an ssh connection to the node, and two connections through it to the server. */
export class Window {
  readonly ssh: SshClient;
  readonly client: Running;
  readonly reconnectionToken: string;

  private constructor(ssh: SshClient, client: Running, reconnectionToken: string) {
    this.ssh = ssh;
    this.client = client;
    this.reconnectionToken = reconnectionToken;
  }

  /** Resolves when the server has accepted the management and the extension host connection. */
  static async open(node: LoginNode, server: RealServer, options: WindowOptions = {}): Promise<Window> {
    const { user = "alice", via = "port", cuttable = false } = options;
    const port = node.nextPort();
    const socket = `/root/window-${port}.sock`;
    const forward = {
      starter: [],
      port: ["-N", "-L", `127.0.0.1:${port}:127.0.0.1:${server.port}`],
      socket: ["-N", "-L", `${socket}:${server.socketPath}`],
    }[via];
    const reach = {
      starter: ["--socks", `${server.socksPort}`, "--port", `${server.port}`],
      port: ["--port", `${port}`],
      socket: ["--socket", socket],
    }[via];
    const ssh = via === "starter" ? server.ssh : await node.ssh(user, null, { options: forward, cuttable });
    await ssh.session();
    const reconnectionToken = options.reconnectionToken ?? randomUUID();
    const client = await node.spawn([
      ...["node", "/opt/vscode-grim-reaper/test/node/remote-client.mjs", ...reach],
      ...["--commit", server.commit, "--reconnection-token", reconnectionToken],
      ...(server.token ? ["--token", server.token] : []),
      ...(options.reconnectionToken ? ["--reconnect"] : []),
    ]);
    await client.waitOutput(/"event":"ready"/, 120_000);
    return new Window(ssh, client, reconnectionToken);
  }

  /** Drops both connections without a word, as a crash does; the ssh connection stays. */
  async drop(): Promise<void> {
    this.client.kill("SIGKILL");
    await this.client.waitExit();
  }

  /** Says goodbye to the server and ends the ssh connection, as closing the window does. */
  async close(): Promise<void> {
    this.client.stdin.end("close\n");
    await this.client.waitExit();
    await this.ssh.close();
  }
}

import assert from "node:assert/strict";
import { until } from "../helpers/until.ts";
import { type Outcome, Running, type Started, startInside } from "./inside.ts";
import type { LoginNode } from "./login-node.ts";

export interface SshOptions {
  /** More options for ssh, such as ["-L", "4000:127.0.0.1:5000"] or ["-N"]. */
  readonly options?: readonly string[];
  /** Fed to the remote command; without it the standard input stays open until `close()`. */
  readonly stdin?: string;
  /** Let `cut()` work: the client comes from an address whose silence sshd notices within three seconds. */
  readonly cuttable?: boolean;
}

/** One ssh connection as the server side sees it. */
export interface SshSession {
  readonly auditSession: number;
  /** logind's name, such as "c3". */
  readonly logindSession: string;
  /** sshd's privileged process ("[priv]"), and the user's own below it. */
  readonly monitor: number;
  readonly child: number;
}

let clients = 0;

/** A real ssh client, running as root inside the node. */
export class SshClient extends Running {
  readonly user: string;
  /** Its own loopback address, which distinguishes both ends of the connection from all others. */
  readonly address: string;
  readonly #node: LoginNode;
  readonly #cuttable: boolean;

  private constructor(started: Started, node: LoginNode, user: string, address: string, cuttable: boolean) {
    super(started);
    this.#node = node;
    this.user = user;
    this.address = address;
    this.#cuttable = cuttable;
  }

  static async connect(
    node: LoginNode,
    user: string,
    argv: readonly string[] | null,
    options: SshOptions = {},
  ): Promise<SshClient> {
    const { cuttable = false } = options;
    const number = ++clients;
    const address = `127.${cuttable ? 9 : 8}.${number >> 8}.${number & 255}`;
    const command = argv === null ? [] : [argv.map(quoted).join(" ")];
    const ssh = [
      ...["ssh", "-T", "-F", "none", "-b", address, "-i", `/root/keys/${user}`, "-o", "BatchMode=yes"],
      ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"],
      ...["-o", "ExitOnForwardFailure=yes", ...(options.options ?? []), `${user}@127.0.0.1`, ...command],
    ];
    const client = new SshClient(await startInside(node.machine, ssh, {}), node, user, address, cuttable);
    if (options.stdin !== undefined) client.stdin.end(options.stdin);
    return client;
  }

  /** The server's side of this connection, once PAM has opened its session. */
  async session(timeoutMs = 10_000): Promise<SshSession> {
    return until(
      async () => {
        const { stdout } = await this.#node.exec(["ss", "-Htnp", "state", "established", "sport = :22"]);
        const row = stdout.split("\n").find((line) => line.includes(`${this.address}:`));
        assert.ok(row, `no connection from ${this.address}: ${this.stderr()}`);
        const pids = [...row.matchAll(/"sshd-session",pid=(\d+)/g)].map((match) => Number(match[1]));
        const monitor = pids.find((pid) => this.#node.status(pid)?.uid === 0);
        assert.ok(monitor, `no privileged sshd process: ${row}`);
        const child = pids.find((pid) => this.#node.status(pid)?.ppid === monitor && pid !== monitor);
        assert.ok(child && this.#node.status(child)?.uid !== 0, `no sshd process of ${this.user}: ${row}`);
        const auditSession = Number(this.#node.proc(monitor, "sessionid"));
        assert.ok(auditSession < 0xffffffff, "no audit session yet");
        assert.equal(Number(this.#node.proc(child, "sessionid")), auditSession);
        const scope = /session-([^/]+)\.scope$/m.exec(this.#node.proc(child, "cgroup") ?? "");
        assert.ok(scope, "no logind session yet");
        return { auditSession, logindSession: scope[1] as string, monitor, child };
      },
      { timeoutMs },
    );
  }

  /** Ends the connection as a closed window does: the client says goodbye. */
  async close(): Promise<Outcome> {
    this.stdin.end();
    this.kill("SIGTERM");
    return this.waitExit();
  }

  /** Ends the connection without a goodbye: no packet passes any more, and sshd gives the client up. */
  async cut(): Promise<void> {
    assert.ok(this.#cuttable, "only a client made with { cuttable: true } is given up by sshd");
    await this.#node.run(["ip", "route", "add", "blackhole", `${this.address}/32`, "table", "local"]);
  }
}

/** One word for the remote shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

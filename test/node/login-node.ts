import assert from "node:assert/strict";
import { dirname } from "node:path";
import { until } from "../helpers/until.ts";
import { bootMachine, type Machine, readOr } from "./boot.ts";
import { type ExecOptions, execInside, type Outcome, Running, type RunOptions } from "./inside.ts";
import { SshClient, type SshOptions } from "./ssh-client.ts";

export interface NodeProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly args: string;
}

/**
 * A booted login node: init, logind, sshd, PAM and journald on pure cgroup v2, with the users alice (2001), bob (2002)
 * and carol (2003). It has a loopback and nothing else. The checkout is at /opt/vscode-grim-reaper, read-only.
 *
 *   await using node = await LoginNode.boot();
 *   const client = await node.ssh("alice", ["sleep", "60"]);
 */
export class LoginNode {
  #machine: Machine | undefined;
  #lastPort = 20_000;

  static async boot(): Promise<LoginNode> {
    const node = new LoginNode();
    await node.boot();
    return node;
  }

  /** `layer` is a folder laid over the root, such as `realServerLayer()`. */
  async boot(layer?: string): Promise<void> {
    const machine = await bootMachine(layer);
    try {
      await until(async () => {
        const { stdout } = await execInside(machine, ["systemctl", "is-system-running", "--wait"]);
        assert.match(stdout, /^(?:running|degraded)\n/);
      });
      this.#machine = machine;
    } catch (error) {
      await machine.stop();
      throw new Error(`the login node did not boot: ${(error as Error).message}\n${machine.console()}`);
    }
  }

  get machine(): Machine {
    assert.ok(this.#machine, "the node is not booted");
    return this.#machine;
  }

  /** Runs a command to its end, outside any session, and returns how it ended, whatever that is. */
  exec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    return execInside(this.machine, argv, options);
  }

  /** The same for a command that must succeed; returns its standard output. */
  async run(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.exec(argv, options);
    if (status !== 0) throw new Error(`${argv.join(" ")}: status ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Starts a command that goes on running, outside any session. */
  spawn(argv: readonly string[], options: RunOptions = {}): Promise<Running> {
    return Running.start(this.machine, argv, options);
  }

  /** Logs in over the loopback; `argv` null is a login shell that reads a script from standard input. */
  ssh(user: string, argv: readonly string[] | null, options: SshOptions = {}): Promise<SshClient> {
    return SshClient.connect(this, user, argv, options);
  }

  /** A port of the loopback that nothing has: below the kernel's ephemeral ones, and given out once. */
  nextPort(): number {
    return ++this.#lastPort;
  }

  /** Makes a file and the folders above it. `owner` as chown takes it, default root:root; default mode 0644. */
  async copyIn(
    path: string,
    content: string | Buffer,
    { mode = 0o644, owner = "root:root" }: { mode?: number; owner?: string } = {},
  ): Promise<void> {
    const script =
      'mkdir -p "$4" && cat >"$1.new" && chown "$2" "$1.new" && chmod "$3" "$1.new" && mv -T "$1.new" "$1"';
    const argv = ["sh", "-c", script, "sh", path, owner, mode.toString(8), dirname(path)];
    await this.run(argv, { input: content });
  }

  read(path: string): Promise<string> {
    return this.run(["cat", path]);
  }

  /** Every process of the node as ps shows it. */
  async processes(): Promise<NodeProcess[]> {
    const rows = await this.run(["ps", "-ww", "-eo", "pid=,ppid=,uid=,args="]);
    return [...rows.matchAll(/^ *(\d+) +(\d+) +(\d+) (.*)$/gm)].map(([, pid, ppid, uid, args]) => ({
      pid: Number(pid),
      ppid: Number(ppid),
      uid: Number(uid),
      args: args as string,
    }));
  }

  /** A file of the node's own /proc/PID; null when it cannot be read. */
  proc(pid: number, file: string): string | null {
    return readOr(`/proc/${this.machine.initPid}/root/proc/${pid}/${file}`, null);
  }

  /** Parent, effective uid and state letter of a process; null when there is none. */
  status(pid: number): { ppid: number; uid: number; state: string } | null {
    const text = this.proc(pid, "status");
    if (text === null) return null;
    return {
      ppid: Number(/^PPid:\t(\d+)/m.exec(text)?.[1]),
      uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(text)?.[1]),
      state: /^State:\t(\w)/m.exec(text)?.[1] ?? "?",
    };
  }

  /** A zombie is dead. */
  alive(pid: number): boolean {
    const state = this.status(pid)?.state;
    return state !== undefined && state !== "Z" && state !== "X";
  }

  /** The journal, with journalctl's arguments, such as "-u", "ssh" or "-t", "vscode-grim-reaper". */
  async journal(...args: string[]): Promise<string> {
    await this.run(["journalctl", "--sync"]);
    return this.run(["journalctl", "--no-pager", ...args]);
  }

  /** Takes the node's power: all its processes, mounts and cgroups are gone when this resolves. */
  powerOff(): Promise<void> {
    return this.#machine?.stop() ?? Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.powerOff();
  }
}

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { until } from "../helpers/until.ts";
import { childrenOf, type Machine } from "./boot.ts";

export interface RunOptions {
  /** Default root. */
  readonly user?: string;
  /** Added to a login's bare environment; nothing of the test's own environment gets in. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExecOptions extends RunOptions {
  readonly input?: string | Buffer;
  /** Default 30 000. On time-out the process inside is killed with its group, and the promise is rejected. */
  readonly timeoutMs?: number;
}

export interface Outcome {
  /** As a shell gives it: 128 + the number of a deadly signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * nsenter does not move the cgroup, so a shell moves itself first, from outside: into a cgroup of the node that
 * belongs to no session and no unit.
 */
const ENTER = 'mkdir -p "$1" && echo $$ >"$1/cgroup.procs" || exit 125; shift; exec nsenter "$@"';

function enter(
  machine: Machine,
  argv: readonly string[],
  options: RunOptions,
  prefix: readonly string[],
): Child {
  const { user = "root", env = {} } = options;
  const home = user === "root" ? "/root" : `/home/${user}`;
  const full = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    ...env,
  };
  const become = user === "root" ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups"];
  const environment = ["env", "-i", `--chdir=${home}`, ...Object.entries(full).map(([k, v]) => `${k}=${v}`)];
  const target = ["-a", "-t", `${machine.initPid}`, "--", ...prefix, ...become, ...environment, ...argv];
  return spawn("sh", ["-c", ENTER, "sh", `${machine.cgroup}/harness`, ...target], {
    stdio: ["pipe", "pipe", "pipe"],
  });
}

function collect(child: Child): { out: () => string; err: () => string; done: Promise<Outcome> } {
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  // A program that does not read its input breaks the pipe; its exit status is what counts.
  child.stdin.on("error", () => {});
  const done = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ status: code ?? 128 + (signal ? constants.signals[signal] : 0), stdout: out, stderr: err }),
    );
  });
  return { out: () => out, err: () => err, done };
}

/** Runs `argv` in the node to its end, outside any session. */
export async function execInside(
  machine: Machine,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<Outcome> {
  const { timeoutMs = 120_000, input = "" } = options;
  const started = performance.now();
  // Ending nsenter from outside leaves its child running: the deadline is kept inside.
  const child = enter(machine, argv, options, ["timeout", "--signal=KILL", `${timeoutMs / 1000}`]);
  child.stdin.end(input);
  const outcome = await collect(child).done;
  if (outcome.status === 137 && performance.now() - started >= timeoutMs)
    throw new Error(`timed out after ${timeoutMs} ms: ${argv.join(" ")}\n${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

/** A process that goes on running in the node. */
export class Running {
  /** As the node numbers it. */
  readonly pid: number;
  readonly stdin: Writable;
  /** All of its standard output and standard error so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly #hostPid: number | undefined;
  readonly #child: Child;
  readonly #done: Promise<Outcome>;

  protected constructor(started: Started) {
    this.pid = started.pid;
    this.#hostPid = started.hostPid;
    this.#child = started.child;
    this.stdin = started.child.stdin;
    this.stdout = started.stdout;
    this.stderr = started.stderr;
    this.#done = started.done;
  }

  static async start(machine: Machine, argv: readonly string[], options: RunOptions = {}): Promise<Running> {
    return new Running(await startInside(machine, argv, options));
  }

  /** False when it had ended before. */
  kill(signal: NodeJS.Signals = "SIGTERM"): boolean {
    // As long as it is nsenter's child, its number is its own.
    if (this.#hostPid === undefined || !childrenOf(this.#child.pid as number).includes(this.#hostPid))
      return false;
    return process.kill(this.#hostPid, signal);
  }

  async waitExit(timeoutMs = 60_000): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new Error(`process ${this.pid} still runs after ${timeoutMs} ms\n${this.stdout()}${this.stderr()}`),
        );
      }, timeoutMs);
    });
    return Promise.race([this.#done, late]).finally(() => clearTimeout(timer));
  }

  /** Resolves with the match once standard output has one; fails at once when the process ends without. */
  async waitOutput(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    let ended = false;
    void this.#done.finally(() => {
      ended = true;
    });
    const missing = () =>
      new Error(`no ${pattern} in the output of ${this.pid}:\n${this.stdout()}${this.stderr()}`);
    const match = await until(
      () => {
        const found = pattern.exec(this.stdout());
        if (!found && !ended) throw missing();
        return found;
      },
      { timeoutMs },
    );
    if (!match) throw missing();
    return match;
  }
}

export interface Started {
  readonly pid: number;
  /** As this host numbers it; undefined when it ended at once. */
  readonly hostPid: number | undefined;
  readonly child: Child;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly done: Promise<Outcome>;
}

/** Starts `argv` in the node; resolves once it is known by number, with its first output line taken off. */
export async function startInside(
  machine: Machine,
  argv: readonly string[],
  options: RunOptions,
): Promise<Started> {
  const child = enter(machine, argv, options, ["sh", "-c", 'echo $$; exec "$@"', "sh"]);
  const { out, err, done } = collect(child);
  const stdout = () => out().replace(/^\d+\n/, "");
  const pid = await until(() => {
    const line = /^(\d+)\n/.exec(out());
    if (!line) throw new Error(`${argv.join(" ")} did not start: ${err()}`);
    return Number(line[1]);
  });
  const hostPid = childrenOf(child.pid as number)[0];
  for (const handle of [child, child.stdin, child.stdout, child.stderr])
    (handle as unknown as { unref(): void }).unref();
  return { pid, hostPid, child, stdout, stderr: err, done: done.then((o) => ({ ...o, stdout: stdout() })) };
}

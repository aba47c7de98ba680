import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { until } from "../helpers/until.ts";

const run = promisify(execFile);
/** Making a cached root or server downloads some hundred megabytes. */
const COLD_CACHE_MS = 15 * 60_000;
const CONSOLE_KEPT = 64 * 1024;

/** The checkout that the tests are run in. */
export function repository(): string {
  let folder = process.cwd();
  while (!existsSync(join(folder, "binding.gyp"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`${process.cwd()} is not inside a checkout`);
    folder = parent;
  }
  return folder;
}

/** Runs a script that makes something in the cache and prints where. */
export async function cached(script: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("bash", [join(repository(), "scripts", script), ...args], {
    timeout: COLD_CACHE_MS,
    maxBuffer: 1 << 26,
  });
  return stdout.trim();
}

export interface Machine {
  readonly name: string;
  /** The process of this host whose end is the node's end. */
  readonly keeperPid: number;
  /** The node's init as a process of this host. */
  readonly initPid: number;
  /** The node's root cgroup as a folder of this host, reached through the keeper's mounts. */
  readonly cgroup: string;
  readonly console: () => string;
  /** Ends every process of the node, its mounts and its cgroup. */
  readonly stop: () => Promise<void>;
}

let booted = 0;

/**
 * Boots a node under a keeper (scripts/login-node.sh boot) that holds the other end of a pipe: however this process
 * ends, the kernel closes the pipe and the keeper ends the node. Resolves when the node has an init.
 */
export async function bootMachine(layer = ""): Promise<Machine> {
  await cached("login-node.sh", "root");
  const name = `login-${process.pid}-${++booted}`;
  const script = join(repository(), "scripts", "login-node.sh");
  const keeper = spawn("bash", [script, "boot", name, repository(), layer], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let log = "";
  keeper.stderr.on("data", (bytes: Buffer) => {
    log = (log + bytes.toString()).slice(-CONSOLE_KEPT);
  });
  let announced = "";
  keeper.stdout.on("data", (bytes: Buffer) => {
    announced += bytes.toString();
  });
  // A failed test must not wait for its node: leaving is what ends it.
  for (const handle of [keeper, keeper.stdin, keeper.stdout, keeper.stderr])
    (handle as unknown as { unref(): void }).unref();
  const stop = async () => {
    if (keeper.exitCode !== null || keeper.signalCode !== null) return;
    keeper.ref();
    keeper.stdin.end();
    await once(keeper, "exit");
  };
  try {
    const ended = () => keeper.exitCode !== null || keeper.signalCode !== null;
    const line = await until(
      () => {
        const found = /^(\d+) (\S+)\n/.exec(announced);
        if (!found && !ended()) throw new Error("the keeper has not announced the node");
        return found;
      },
      { timeoutMs: 30_000 },
    );
    if (!line) throw new Error("the keeper has ended");
    const [nspawn, cgroup] = [Number(line[1]), line[2]];
    const initPid = await until(() => initBelow(nspawn), { timeoutMs: 30_000 });
    return {
      name,
      keeperPid: keeper.pid as number,
      initPid,
      cgroup: `/proc/${keeper.pid}/root${cgroup}/payload`,
      console: () => log,
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`the login node did not start: ${(error as Error).message}\n${log}`);
  }
}

/** The child of `parent` that is process 1 of a pid namespace; nspawn has other, short-lived children before. */
function initBelow(parent: number): number {
  for (const pid of childrenOf(parent))
    if (/^NSpid:\t.*\t1$/m.test(readOr(`/proc/${pid}/status`, ""))) return pid;
  throw new Error("the node has no init");
}

export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter(
      (pid) =>
        readOr(`/proc/${pid}/stat`, "")
          .replace(/^.*\) /s, "")
          .split(" ")[1] === `${parent}`,
    )
    .map(Number);
}

export function readOr<T>(path: string, fallback: T): string | T {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}

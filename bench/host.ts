// A login node: 200 users with shells, editors and Python; one tree in a hundred is an IDE server's, of 12 processes.
import { chmodSync, existsSync, linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

export const USERS = 200;
export const SERVER_PROCESSES = 12;
const FIRST_UID = 20_000;
const COMMIT = "e18005f0f1b33c29e81d732535d8c0e47cafb0b5";
const OTHERS = [
  ["bash", "-bash"],
  ["vim", "vim", "notes.txt"],
  ["python3.11", "python3", "-m", "analysis", "--input", "data.csv"],
  ["bash", "-bash", "-c", "make all"],
] as const;
/** Of the trees that are no server's. */
const OTHER_PROCESSES = 4;

export interface Host {
  readonly total: number;
  /** Who has a server. */
  readonly serverUsers: readonly number[];
  end(): Promise<void>;
}

export const uidOf = (user: number): number => FIRST_UID + (user % USERS);

/** A puppet under that path, so that the kernel names its executable so. */
export function puppetAt(path: string): string {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  linkSync(sharedPuppet(), path);
  return path;
}

// Links cannot lead to another file system: run.mjs has copied it.
function sharedPuppet(): string {
  const shared = join(WORK, "puppet");
  if (!existsSync(shared)) throw new Error(`${shared} is missing; start with: npm run bench`);
  return shared;
}

export function serverLine(user: number, count = SERVER_PROCESSES): HostLine {
  const root = join(WORK, "home", String(user), ".vscode-server/bin", COMMIT);
  const exe = puppetAt(join(root, "node"));
  const flags = ["--start-server", "--host=127.0.0.1", "--port=0", "--enable-remote-auto-shutdown"];
  return { count, uid: uidOf(user), exe, argv: [exe, join(root, "out/server-main.js"), ...flags] };
}

/** About `processes` processes, with a server in a hundred trees or with none; resolves when all of them are there. */
export async function startLoginNode(processes: number, withServers = true): Promise<Host> {
  const trees = Math.max(1, Math.round(processes / (0.01 * SERVER_PROCESSES + 0.99 * OTHER_PROCESSES)));
  const servers = withServers ? Math.max(1, Math.round(trees / 100)) : 0;
  // Spread over the users, so that a server's owner is like the others.
  const owners = range(servers).map((i) => (i * 7) % USERS);
  const left = processes - servers * SERVER_PROCESSES;
  const others = range(Math.max(0, Math.floor(left / OTHER_PROCESSES))).map((i): HostLine => {
    const [name, ...argv] = OTHERS[i % OTHERS.length] ?? OTHERS[0];
    // Users and programs turn at different paces, or each user would have one program.
    const user = Math.floor(i / OTHERS.length) % USERS;
    return { count: OTHER_PROCESSES, uid: uidOf(user), exe: puppetAt(join(WORK, "bin", name)), argv };
  });
  const { total, end } = await startHost([...owners.map((user) => serverLine(user)), ...others]);
  return { total, serverUsers: [...new Set(owners.map(uidOf))], end };
}

/** Orphaned trees alone, each of another user. */
export async function startServers(trees: number): Promise<Host> {
  const { total, end } = await startHost(range(trees).map((user) => serverLine(user)));
  return { total, serverUsers: range(trees).map(uidOf), end };
}

/** The users' programs must be theirs to run. */
export function openWork(): void {
  chmodSync(WORK, 0o755);
}

import { type HostLine, startHost } from "./puppets.ts";
import { range, WORK } from "./tools.ts";

import { exeName, exePath, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { isDead } from "../tree/process-table.ts";

/** Where only root can put a program. An sshd elsewhere counts when root runs the same file. */
const SYSTEM_PATH = /^\/(?:usr|bin|sbin|lib|lib64|opt|nix\/store)\//;

/** The host's ssh server processes, and those that only call themselves so. */
export function findSshd(
  processes: readonly Proc[],
  catalogue: Catalogue,
): { genuine: ReadonlyMap<number, Proc>; impostors: readonly Proc[] } {
  const named = processes.filter((p) => catalogue.sshd.includes(exeName(p.exe)) && !isDead(p));
  const rootRun = new Set(named.filter((p) => p.uid === 0).map((p) => exePath(p.exe ?? "")));
  const genuine = new Map<number, Proc>();
  const impostors: Proc[] = [];
  for (const process of named) {
    const path = exePath(process.exe ?? "");
    // Guard: inside a user namespace of its own a user can mount anything at /usr/sbin/sshd.
    const mayBe = process.foreignUserNs !== true && (rootRun.has(path) || SYSTEM_PATH.test(path));
    if (mayBe) genuine.set(process.pid, process);
    else impostors.push(process);
  }
  return { genuine, impostors };
}

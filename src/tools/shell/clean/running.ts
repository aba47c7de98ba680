/** Which versions run on this host, by what the kernel and the processes say. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { PidOf } from "./find-versions.ts";

/** What one process says of the files that it runs. */
interface Mention {
  readonly pid: number;
  readonly own: boolean;
  /** Executable, working folder and command line. */
  readonly text: string;
}

/** Processes that are gone, and links of processes with other rights. */
const UNREADABLE = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

/**
 * Answers which process runs a version of a server folder, or null. The caller's own processes count when they name the
 * version at all, those of other users when they name its path: other users run the same commit.
 * @throws when the processes cannot be listed
 */
export function runningVersions(uid: number, procRoot = "/proc"): PidOf {
  const mentions: Mention[] = [];
  for (const name of readdirSync(procRoot)) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const at = `${procRoot}/${name}`;
    const status = attempt(() => readFileSync(`${at}/status`, "latin1"));
    if (status === "") continue;
    const own = (/^Uid:\t(.*)$/m.exec(status)?.[1] ?? "").split("\t").map(Number).includes(uid);
    const text = [
      attempt(() => readFileSync(`${at}/cmdline`, "utf8")),
      ...(own ? ["exe", "cwd"].map((link) => attempt(() => readlinkSync(`${at}/${link}`))) : []),
    ].join("\0");
    mentions.push({ pid: Number(name), own, text });
  }
  return (folder, version) =>
    mentions.find(({ own, text }) => text.includes(version) && (own || text.includes(`${folder}/`)))?.pid ??
    null;
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (UNREADABLE.has((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

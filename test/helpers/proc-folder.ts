/** Builds a proc folder in the kernel's formats, for the addon to read; the twin of native/test/proc_fixture.h. */
import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The caller's effective uid, and that of built processes: only root can give folders away. */
export const ownUid = process.geteuid?.() ?? 0;
export const fixtureUid = ownUid === 0 ? 1001 : ownUid;

export interface FakeProc {
  readonly pid: number;
  readonly ppid?: number;
  readonly uid?: number;
  /** Bytes where the name is not UTF-8. */
  readonly comm?: string | Buffer;
  /** Null: no link, as of a kernel thread. */
  readonly exe?: string | null;
  readonly argv?: readonly string[];
  readonly startTime?: number;
  readonly ignoresHangup?: boolean;
  readonly state?: string;
  readonly threads?: number;
  readonly cgroup?: string;
  readonly auditSession?: number;
  readonly loginUid?: number;
  /** The command line is a FIFO without a writer: its reader hangs until it is killed. */
  readonly cmdlineBlocks?: boolean;
}

const unset = 4294967295;

/** Returns the folder's path; remove it with `removeProcFolder`. */
export function makeProcFolder(processes: readonly FakeProc[]): string {
  const root = mkdtempSync(join(tmpdir(), "reaper-proc-"));
  mkdirSync(join(root, "sys/kernel/random"), { recursive: true });
  mkdirSync(join(root, "self/ns"), { recursive: true });
  writeFileSync(join(root, "sys/kernel/random/boot_id"), "3f0c4f3e-1111-2222-3333-444455556666\n");
  linkNamespaces(join(root, "self"));
  for (const each of processes) addProcess(root, each);
  return root;
}

export function removeProcFolder(root: string): void {
  rmSync(root, { recursive: true, force: true });
}

function linkNamespaces(folder: string): void {
  symlinkSync("user:[4026531837]", join(folder, "ns/user"));
  symlinkSync("pid:[4026531836]", join(folder, "ns/pid"));
}

function addProcess(root: string, proc: FakeProc): void {
  const { pid, ppid = 1, uid = fixtureUid, comm = "node", exe = "/usr/bin/node", argv = ["node"] } = proc;
  const { startTime = 5000, state = "S", threads = 1, auditSession = unset, loginUid = unset } = proc;
  const folder = join(root, String(pid));
  mkdirSync(join(folder, "ns"), { recursive: true });
  const name = Buffer.from(comm);
  const tail = `) ${state} ${ppid} ${pid} ${pid} 0 -1 0 0 0 0 0 3 4 5 6 20 0 ${threads} 0 ${startTime} 0 256 0\n`;
  writeFileSync(join(folder, "stat"), Buffer.concat([Buffer.from(`${pid} (`), name, Buffer.from(tail)]));
  writeFileSync(
    join(folder, "status"),
    `Name:\tx\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nThreads:\t${threads}\nSigIgn:\t000000000000100${proc.ignoresHangup ? 1 : 0}\n`,
  );
  writeFileSync(join(folder, "cgroup"), proc.cgroup ?? "0::/user.slice/user-1001.slice/session-c1.scope\n");
  writeFileSync(join(folder, "sessionid"), String(auditSession));
  writeFileSync(join(folder, "loginuid"), String(loginUid));
  if (exe !== null) symlinkSync(exe, join(folder, "exe"));
  linkNamespaces(folder);
  if (proc.cmdlineBlocks) {
    const made = spawnSync("mkfifo", [join(folder, "cmdline")]);
    if (made.status !== 0) throw new Error(`mkfifo: ${made.stderr}`);
  } else {
    writeFileSync(join(folder, "cmdline"), argv.map((argument) => `${argument}\0`).join(""));
  }
  if (ownUid === 0) chownSync(folder, uid, 0);
}

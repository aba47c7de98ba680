/** The system calls of session-close as strace saw them, in one form: name, access, path with N for every number. */
import { spawnSync } from "node:child_process";
import { UNCHECKED } from "./operations.ts";

export interface Situation {
  readonly loginUid: number;
  /** Shell text, as root in a mount namespace of its own with an empty /run, after the login uid is set. */
  readonly prepare: string;
  /** A command that starts strace: limits, a priority. */
  readonly wrapper?: string;
}

/** Runs the hook in that situation under strace; answers each distinct call. Throws where there is no whole trace. */
export function traceHook(hook: string, { loginUid, prepare, wrapper = "" }: Situation): string[] {
  // On a /dev of its own: a daemon's socket, which stays open in what follows.
  const daemon =
    'use Socket; $^F = 9; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un("/dev/log")); exec @ARGV';
  const script = `mount -t tmpfs -o mode=755 tmpfs /run && echo ${loginUid} >/proc/self/loginuid &&
    mount -t tmpfs -o mode=755 tmpfs /dev && mknod -m 666 /dev/null c 1 3 && ${prepare} &&
    perl -e '${daemon}' -- ${wrapper} strace -y -o /run/trace "$0"; cat /run/trace`;
  const run = spawnSync("unshare", ["--mount", "--propagation", "private", "/bin/sh", "-c", script, hook], {
    encoding: "utf8",
  });
  const lines = run.stdout.split("\n");
  const start = lines.findLastIndex((line) => line.startsWith(`execve("${hook}"`));
  const calls = lines
    .slice(Math.max(start, 0))
    .map(normalise)
    .filter((call) => call !== "");
  if (start < 0 || !calls.includes("exit_group")) throw new Error(`no trace: ${run.stderr}`);
  return [...new Set(calls)];
}

/** "" for what is not a call. */
export function normalise(line: string): string {
  const [, name = "", args = ""] = /^(\w+)\((.*)\) += /.exec(line) ?? [];
  if (name === "prlimit64") {
    const set = /^0, (RLIMIT_\w+), \{/.exec(args);
    return set === null ? name : `${name} set ${set[1]}`;
  }
  if (UNCHECKED.has(name) || name === "setpriority" || name === "capset") return name;
  const paths = pathsOf(args);
  switch (name) {
    case "":
      return "";
    case "openat":
      return `openat ${accessOf(args)} ${paths[0]}`;
    case "socket":
      return `socket ${/^(\w+), (\w+)/.exec(args)?.slice(1).join(" ")}`;
    case "connect":
      return `connect ${/sun_path="([^"]*)"/.exec(args)?.[1]}`;
    case "sendto":
      return "sendto log";
    case "newfstatat":
      return `${/^\S+, "", /.test(args) ? "fstat" : name} ${paths[0]}`;
    case "mkdirat":
    case "readlink":
    case "readlinkat":
    case "renameat":
    case "unlinkat":
    case "execve":
      return [name, ...paths].join(" ");
    default:
      // By descriptor: what follows it is not a path.
      return `${name} ${withoutNumbers(/^\d+<([^>]*)>/.exec(args)?.[1] ?? args)}`;
  }
}

function accessOf(args: string): string {
  if (args.includes("O_PATH")) return "path";
  if (args.includes("O_CREAT")) return "create";
  return args.includes("O_WRONLY") || args.includes("O_RDWR") ? "write" : "read";
}

/** The paths among the arguments, each joined to the folder that a descriptor before it names. */
function pathsOf(args: string): string[] {
  const named = [...args.matchAll(/(?:(?:\d+|AT_FDCWD)<([^>]*)>(?:, "([^"]*)")?)|^"(\/[^"]*)"/g)];
  return named.map(([, folder = "", path = "", alone]) => {
    if (alone !== undefined) return withoutNumbers(alone);
    if (path.startsWith("/")) return withoutNumbers(path);
    return withoutNumbers(path === "" || path === "." ? folder : `${folder}/${path.replace(/^\.\//, "")}`);
  });
}

const withoutNumbers = (path: string): string => path.replace(/\d+/g, "N");

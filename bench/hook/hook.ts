// Runs inside the namespaces that bench/hook.mjs makes.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { dirname, join, resolve } from "node:path";
import { puppetBinary, startHost } from "../../test/helpers/puppet.ts";

const [work = "", runs = "200"] = process.argv.slice(2);
const UID = 4321;
const OTHERS = 100;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const CGROUPS = "/sys/fs/cgroup";
const TAGS = "/run/vscode-grim-reaper/tags";
const HOOK = resolve("dist/session-close");

interface Cost {
  readonly host: number;
  readonly found: "by cgroup" | "through /proc";
  readonly base: number;
  readonly hook: number;
  readonly slow: number;
  readonly peak: number;
}

function mount(...args: string[]): void {
  execFileSync("mount", args);
}

function prepare(): string {
  execFileSync("umount", ["--recursive", CGROUPS], { stdio: "ignore" });
  mount("-t", "cgroup2", "cgroup2", CGROUPS);
  mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run");
  const top = join(
    CGROUPS,
    `vscode-grim-reaper-bench.${execFileSync("cat", ["/proc/sys/kernel/random/uuid"]).toString().trim()}`,
  );
  for (const uid of [UID, ...range(OTHERS).map(otherUid)])
    mkdirSync(join(top, `user.slice/user-${uid}.slice/session-1.scope`), { recursive: true });
  mkdirSync(join(top, "elsewhere"));
  return top;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const otherUid = (i: number): number => 5000 + i;

/** A shell that moves itself into a cgroup before it becomes the command. */
function within(cgroup: string, name: string, command: string): string {
  const script = join(work, name);
  writeFileSync(script, `#!/bin/sh\necho $$ >"${cgroup}/cgroup.procs" && exec ${command} "$@"\n`, {
    mode: 0o755,
  });
  return script;
}

/** Processes of one user: `trees` servers of ten processes each, and some that are no server's. */
async function startUser(top: string, uid: number, trees: number, others: number) {
  const cgroup = join(top, `user.slice/user-${uid}.slice/session-1.scope`);
  const exe = join(work, `${uid}/.vscode-server/bin/${COMMIT}/node`);
  if (!existsSync(exe)) {
    mkdirSync(dirname(exe), { recursive: true });
    copyFileSync(puppetBinary(), exe);
  }
  const lines = [
    ...range(trees).map(() => ({ count: 10, uid, exe, argv: [exe, "out/server-main.js"] })),
    ...(others > 0 ? [{ count: others, uid, exe: puppetBinary(), argv: ["sleep", "600"] }] : []),
  ];
  return startHost(lines, within(cgroup, `host-${uid}`, puppetBinary()));
}

function measure(host: number, found: Cost["found"], cgroup: string, tags: number): Cost {
  const driver = within(cgroup, "driver", join(work, "pam_exec"));
  const programs = ["/bin/true", HOOK];
  // The first starts fill the caches.
  execFileSync(driver, ["5", `${UID}`, ...programs]);
  const text = execFileSync(driver, [runs, `${UID}`, ...programs]).toString();
  const rows = text
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
  const of = (index: number, column: number) =>
    rows
      .filter((row) => row[0] === index)
      .map((row) => row[column] ?? 0)
      .sort((a, b) => a - b);
  const at = (values: number[], q: number) => values[Math.floor(q * (values.length - 1))] ?? Number.NaN;
  const written = existsSync(TAGS) ? readdirSync(TAGS).length : 0;
  if (written !== tags)
    throw new Error(`${written} tags where ${tags} were due: not the work that was to be timed`);
  execFileSync("rm", ["-rf", TAGS]);
  return {
    host,
    found,
    base: at(of(0, 1), 0.5) / 1000,
    hook: at(of(1, 1), 0.5) / 1000,
    slow: at(of(1, 1), 0.99) / 1000,
    peak: at(of(1, 2), 1),
  };
}

async function bench(top: string): Promise<Cost[]> {
  const costs: Cost[] = [];
  const slice = join(top, `user.slice/user-${UID}.slice/session-1.scope`);
  const elsewhere = join(top, "elsewhere");
  for (const host of [2_030, 10_030]) {
    const others = [];
    const each = (host - 30) / OTHERS;
    for (const i of range(OTHERS)) others.push(await startUser(top, otherUid(i), 1, Math.floor(each) - 10));
    const started = [await startUser(top, UID, 2, 10), ...others];
    const total = started.reduce((sum, each) => sum + each.total, 0);
    costs.push(measure(total, "by cgroup", slice, 2));
    // A session outside any user slice, as on a host without pam_systemd.
    costs.push(measure(total, "through /proc", elsewhere, 2));
    await Promise.all(started.map((each) => each.end()));
  }
  return costs;
}

function print(costs: readonly Cost[]): void {
  const head = [
    "processes of the host",
    "the user's are found",
    "/bin/true",
    "session-close",
    "more",
    "p99",
    "peak memory",
  ];
  const rows = costs.map(({ host, found, base, hook, slow, peak }) => [
    `${host}`,
    found,
    ...[base, hook, hook - base, slow].map((ms) => `${ms.toFixed(2)} ms`),
    `${(peak / 1024).toFixed(2)} MiB`,
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  // Markdown, for the README.
  console.log(`${cpus()[0]?.model ?? "?"}, ${cpus().length} CPUs, Linux ${release()}; medians of`);
  console.log(
    `${runs} interleaved runs; the user has 30 processes, two trees among them, and there are ${OTHERS} other users.\n`,
  );
  console.log([line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n"));
}

const top = prepare();
try {
  print(await bench(top));
} finally {
  writeFileSync(`${top}/cgroup.kill`, "1");
  // The kernel takes its time to bury them.
  const remove = `until find "$0" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done`;
  execFileSync("timeout", ["30", "sh", "-c", remove, top]);
}

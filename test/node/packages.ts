import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { promisify } from "node:util";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";

const run = promisify(execFile);
const TOOLS = "clang++-19 llvm-strip-19 cmake dh dpkg-buildpackage rpmbuild openssl go-md2man".split(" ");
/** Compiling, and compressing a Node.js twice, on a machine that does other things too. */
const BUILD_MS = 15 * 60_000;

/** Why no packages can be built here; null when they can. */
export function whyNoPackages(): string | null {
  const missing = TOOLS.filter((tool) => !existsSync(`/usr/bin/${tool}`));
  if (missing.length === 0) return null;
  return `not installed: ${missing.join(", ")} (see packaging/README.md)`;
}

export interface Packages {
  readonly folder: string;
  readonly deb: string;
  readonly nextDeb: string;
  readonly nodeDeb: string;
  readonly nodeRpm: string;
  readonly rpm: string;
  readonly selinuxRpm: string;
  readonly nextRpm: string;
  readonly npm: string;
  readonly version: string;
  readonly nextVersion: string;
  readonly remove: () => void;
}

/** The version of this checkout, and a later one. */
function versions(): Pick<Packages, "version" | "nextVersion"> {
  const { version } = JSON.parse(readFileSync(join(repository(), "package.json"), "utf8")) as {
    version: string;
  };
  return { version, nextVersion: version.replace(/\d+$/, (patch) => `${Number(patch) + 1}`) };
}

/** Runs packaging/build.sh for this architecture alone, with what is built already. */
export async function buildInto(
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const own = { ARCHES: "amd64", SKIP_BUNDLE: "yes", OUT: folder };
  await run("bash", [join(repository(), "packaging/build.sh")], {
    cwd: repository(),
    env: { ...process.env, ...own, ...environment },
    timeout: BUILD_MS,
  });
}

/** Builds the packages of this checkout, and the same once more as a later version. */
export async function buildPackages(): Promise<Packages> {
  const { version, nextVersion } = versions();
  const kept = join(repository(), "build/packages");
  const out = mkdtempSync(join(repository(), "build/packages-test-"));
  const find = (folder: string, pattern: RegExp): string => {
    const found = readdirSync(folder).find((name) => pattern.test(name));
    if (!found) throw new Error(`no ${pattern} in ${folder}`);
    return join(folder, found);
  };
  // The runtime is made once and stays with what `npm run package` makes.
  await buildInto(kept, { FORMATS: "deb rpm" });
  await buildInto(out, { FORMATS: "deb rpm npm", NODE_RUNTIME: "no" });
  await buildInto(out, { FORMATS: "deb rpm", NODE_RUNTIME: "no", VERSION: nextVersion });
  carryRpm(join(out, "rpm"));
  return {
    folder: out,
    deb: join(out, `vscode-grim-reaper_${version}-1_amd64.deb`),
    nextDeb: join(out, `vscode-grim-reaper_${nextVersion}-1_amd64.deb`),
    nodeDeb: find(kept, /^vscode-grim-reaper-node_.*_amd64\.deb$/),
    nodeRpm: find(kept, /^vscode-grim-reaper-node-.*\.x86_64\.rpm$/),
    rpm: join(out, `vscode-grim-reaper-${version}-1.x86_64.rpm`),
    selinuxRpm: join(out, `vscode-grim-reaper-selinux-${version}-1.noarch.rpm`),
    nextRpm: join(out, `vscode-grim-reaper-${nextVersion}-1.x86_64.rpm`),
    npm: join(out, `vscode-grim-reaper-${version}.tgz`),
    version,
    nextVersion,
    remove: () => rmSync(out, { recursive: true, force: true }),
  };
}

export type Debs = Pick<Packages, "deb" | "nextDeb" | "version" | "nextVersion" | "remove">;

/** Builds only the .deb of this checkout, and the same once more as a later version. */
export async function buildDebs(): Promise<Debs> {
  const { version, nextVersion } = versions();
  const out = mkdtempSync(join(repository(), "build/debs-test-"));
  for (const VERSION of [version, nextVersion])
    await buildInto(out, { FORMATS: "deb", NODE_RUNTIME: "no", VERSION });
  const fileOf = (of: string): string => join(out, `vscode-grim-reaper_${of}-1_amd64.deb`);
  const remove = (): void => rmSync(out, { recursive: true, force: true });
  return { deb: fileOf(version), nextDeb: fileOf(nextVersion), version, nextVersion, remove };
}

/** dpkg in the node; returns what it said. */
export function dpkg(node: LoginNode, ...args: string[]): Promise<string> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  return node.run(["sh", "-c", 'dpkg "$@" 2>&1', "dpkg", ...args], { env, timeoutMs: 120_000 });
}

export function installDeb(node: LoginNode, file: string): Promise<string> {
  return dpkg(node, "--install", insideOf(file));
}

/** This machine's rpm with its libraries, for the node, whose root has none: where the node sees the checkout. */
function carryRpm(folder: string): void {
  const listed = execFileSync("ldd", ["/usr/bin/rpm"], { encoding: "utf8" });
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  mkdirSync(folder);
  for (const file of ["/usr/bin/rpm", ...libraries]) copyFileSync(file, join(folder, basename(file)));
  cpSync("/usr/lib/rpm", join(folder, "config"), { recursive: true, dereference: true });
}

/** rpm in the node; returns what it said. Dependencies are a distribution's business, and there is none of its kind. */
export function rpm(node: LoginNode, packages: Packages, ...args: string[]): Promise<string> {
  const tool = insideOf(join(packages.folder, "rpm"));
  const script = `loader=$(echo ${tool}/ld-linux*) && "$loader" --library-path ${tool} ${tool}/rpm "$@" 2>&1`;
  const options = ["--dbpath", "/var/lib/rpm", "--nodeps", "--nosignature"];
  const env = { RPM_CONFIGDIR: `${tool}/config` };
  return node.run(["sh", "-c", script, "rpm", ...options, ...args], { env, timeoutMs: 120_000 });
}

/** `rpm --test` of files on a host of RHEL's kind: what a stand-in provides, and what it says is missing. */
export function rpmTest(folder: string, packages: Packages, files: readonly string[]): string {
  const ask = (...args: string[]): string => execFileSync("rpm", args, { encoding: "utf8" });
  const own = /^(?:\(|rpmlib\(|config\(|vscode-grim-reaper)/;
  const requires = ask("-qp", "--requires", packages.rpm, packages.selinuxRpm).split("\n");
  const provides = [...new Set(requires)].filter((line) => line !== "" && !own.test(line));
  const spec = join(folder, "stand-in.spec");
  const tags = [
    "Name: stand-in",
    "Version: 1",
    "Release: 1",
    "Summary: x",
    "License: MIT",
    "BuildArch: noarch",
  ];
  const all = ["nodejs(engine) = 22.12.0", ...provides].map((what) => `Provides: ${what}`);
  writeFileSync(spec, [...tags, ...all, "%description", "x", "%files", ""].join("\n"));
  execFileSync("rpmbuild", ["-bb", "--quiet", "--define", `_rpmdir ${folder}`, spec], { stdio: "pipe" });
  const host = ["--dbpath", join(folder, `db-${files.length}`), "--nosignature"];
  ask(...host, "--initdb");
  ask(...host, "--install", "--justdb", "--nodeps", join(folder, "noarch/stand-in-1-1.noarch.rpm"));
  return spawnSync("rpm", [...host, "--install", "--test", ...files], { encoding: "utf8" }).stderr;
}

/** Where the node sees a file of the checkout. */
export function insideOf(path: string): string {
  return join("/opt/vscode-grim-reaper", relative(repository(), path));
}

/** What has come to the node's disks and what has gone since. */
export async function changedSince(node: LoginNode, before: readonly string[]) {
  const now = await contents(node);
  const missingIn = (some: readonly string[]) => (line: string) => !some.includes(line);
  return { added: now.filter(missingIn(before)), gone: before.filter(missingIn(now)) };
}

/**
 * Every path of the node's disks, with the text of what lies in /etc. Left out is what the machine itself writes in the
 * meantime: the package manager's lists, the journal, debconf's cache, homes and temporary files. Of /run, which is the
 * boot's, only what bears the program's name counts.
 */
export async function contents(node: LoginNode): Promise<string[]> {
  const own = [
    "/var/lib/dpkg",
    "/var/log/journal",
    "/var/cache/debconf",
    "/home",
    "/root",
    "/tmp",
    "/var/tmp",
  ];
  const single = ["/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/log/dpkg.log", "/var/log/apt"];
  // The account of the units stays, as distributions ask: its uid must not become another's. The files that name it, and
  // their backups, are compared without it.
  const accounts = ["passwd", "group", "shadow", "gshadow"];
  const backups = [...accounts, "subuid", "subgid"].map((name) => `${name}-`);
  const skipped = [...own, ...single, ...backups.map((name) => `/etc/${name}`)];
  const left = skipped.flatMap((path) => ["-path", path, "-prune", "-o"]);
  const disk = await node.run(["find", "/", "-xdev", ...left, "-printf", "%p %M %u %l\\n"]);
  const others = [...accounts, ...backups].flatMap((name) => ["!", "-name", name]);
  const texts = await node.run(["find", "/etc", "-type", "f", ...others, "-exec", "sha256sum", "{}", "+"]);
  const named = accounts.map((name) => `grep -v ^vscode-grim-reaper: /etc/${name}`).join("; ");
  const people = await node.run(["sh", "-c", named]);
  const volatile = await node.run(["find", "/run", "/dev/shm", "-xdev", "-name", "*grim*", "-print"]);
  return `${disk}${texts}${people}${volatile}`
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

/** A qemu machine with SELinux enforcing that runs one script and answers in sections (machine.sh, inside/). */
import { execFile } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository } from "../node/boot.ts";
import { buildInto } from "../node/packages.ts";

const run = promisify(execFile);
const TOOLS = ["qemu-system-x86_64", "mmdebstrap", "mke2fs", "setfiles", "dpkg-buildpackage", "clang++-19"];
/** Making the root downloads some hundred megabytes. */
const COLD_CACHE_MS = 15 * 60_000;
/** Without KVM, on a machine that does other things too: a run takes 50 s on two idle processors. */
const DEADLINE_S = 1800;
const CONSOLE_SHOWN = 6000;

/** Why the machine cannot be run here; null when it can. */
export function whyNoMachine(): string | null {
  if (process.getuid?.() !== 0) return "needs root: mounts and a root file system";
  const folders = ["/usr/bin", "/usr/sbin", "/sbin"];
  const missing = TOOLS.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  return missing.length === 0 ? null : `not installed: ${missing.join(", ")} (see CONTRIBUTING.md)`;
}

export interface Answers {
  /** The text of a section; fails where the script did not come that far. */
  readonly section: (name: string) => string;
  readonly all: string;
}

export interface MachineOptions {
  /** Install packaging/selinux's module. */
  readonly module: boolean;
  /** At last, have it run packaging/prove-on-host. */
  readonly proof?: boolean;
  readonly kernelOptions?: readonly string[];
  /** What inside.sh leaves out: "doctor", "keep", "rotation", "private-runtime". */
  readonly skip?: readonly string[];
}

const MODULE = "packaging/selinux/vscode-grim-reaper.cil";
const script = () => join(repository(), "test/selinux/machine.sh");

/** Packs what `npm run build` has made as a Debian package; answers its path. */
export async function buildDeb(): Promise<string> {
  const out = join(repository(), "build/selinux-packages");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await buildInto(out, { FORMATS: "deb", NODE_RUNTIME: "no" });
  const [name] = readdirSync(out).filter((file) => /^vscode-grim-reaper_.*\.deb$/.test(file));
  if (name === undefined) throw new Error(`no package in ${out}`);
  return join(out, name);
}

/** Boots a machine with the package, waits until it has powered off, and answers what it wrote. */
export async function runMachine(
  deb: string,
  { module, proof = false, kernelOptions = [], skip = [] }: MachineOptions,
): Promise<Answers> {
  const folder = mkdtempSync(join(process.env.REAPER_MACHINE_FOLDER ?? tmpdir(), "reaper-machine-"));
  try {
    const opt = join(folder, "layer/opt");
    mkdirSync(opt, { recursive: true });
    const inside = join(repository(), "test/selinux/inside");
    copyFileSync(join(inside, "prepare.sh"), join(opt, "prepare"));
    copyFileSync(join(inside, "inside.sh"), join(opt, "inside.sh"));
    copyFileSync(deb, join(opt, "vscode-grim-reaper.deb"));
    writeFileSync(join(opt, "skip"), skip.join("\n"));
    if (proof) copyFileSync(join(repository(), "packaging/prove-on-host"), join(opt, "prove-on-host"));
    const policy = module ? [join(repository(), MODULE)] : [];
    await run("bash", [script(), "image", folder, join(folder, "layer"), ...policy], {
      timeout: COLD_CACHE_MS,
      maxBuffer: 1 << 26,
    });
    await boot(folder, kernelOptions);
    return parseAnswers(readFileSync(join(folder, "answers"), "utf8").replaceAll("\r", ""));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function boot(folder: string, kernelOptions: readonly string[]): Promise<void> {
  const shown = (name: string) => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, "utf8").slice(-CONSOLE_SHOWN) : "";
  };
  const failed = (reason: string) =>
    new Error(`${reason}\n--- console\n${shown("console")}\n--- answers\n${shown("answers")}`);
  await run("bash", [script(), "boot", folder, `${DEADLINE_S}`, ...kernelOptions]).catch(
    (error: { code?: number }) => {
      throw failed(
        error.code === 124
          ? `the machine did not power off within ${DEADLINE_S} s`
          : `qemu ended with ${error.code}`,
      );
    },
  );
  if (!shown("answers").includes("=== end"))
    throw failed("the machine powered off before its script had ended");
}

/** "=== NAME" starts a section. */
export function parseAnswers(text: string): Answers {
  const sections = new Map<string, string>();
  for (const part of text.split(/^=== /m).slice(1)) {
    const end = part.indexOf("\n");
    sections.set(part.slice(0, end), part.slice(end + 1).trimEnd());
  }
  const section = (name: string): string => {
    const found = sections.get(name);
    if (found === undefined) throw new Error(`no section ${name} in:\n${text.slice(-CONSOLE_SHOWN)}`);
    return found;
  };
  return { section, all: text };
}

/** A denial of the kernel's log. */
export interface Denial {
  readonly permissions: readonly string[];
  readonly comm: string;
  readonly source: string;
  readonly target: string;
  readonly targetClass: string;
  readonly line: string;
}

/** The denials of the section "denials", types without user, role and level. */
export function denialsIn(answers: Answers): Denial[] {
  const typeOf = (context: string | undefined) => context?.split(":")[2] ?? "";
  return answers
    .section("denials")
    .split("\n")
    .filter((line) => line.includes("denied"))
    .map((line) => ({
      permissions: /denied +\{ ([^}]*) \}/.exec(line)?.[1]?.trim().split(" ") ?? [],
      comm: /comm="([^"]*)"/.exec(line)?.[1] ?? "",
      source: typeOf(/scontext=(\S+)/.exec(line)?.[1]),
      target: typeOf(/tcontext=(\S+)/.exec(line)?.[1]),
      targetClass: /tclass=(\w+)/.exec(line)?.[1] ?? "",
      line,
    }));
}

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";

export interface ProductFiles {
  /** Folders and files of the checkout, or absolute. */
  readonly dist?: string;
  readonly addon?: string;
  readonly hook?: string;
  readonly units?: string;
  /** Where the PAM line goes: after all others, or before the modules that close logind's session. */
  readonly pamPosition?: "last" | "before-common-session";
}

export interface Installed {
  readonly installed: readonly string[];
  /** What the checkout has not built. A test that needs one of these asserts on it. */
  readonly missing: readonly string[];
}

const HOME = "/usr/lib/vscode-grim-reaper";
export const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";

/** The line that administrators put into /etc/pam.d/sshd, for a program of the test's choice. */
export async function installPamHook(
  node: LoginNode,
  program: string = HOOK,
  position: ProductFiles["pamPosition"] = "last",
): Promise<void> {
  const line = `session optional pam_exec.so quiet type=close_session ${program}\n`;
  const pam = await node.read("/etc/pam.d/sshd");
  const at = position === "last" ? pam.length : pam.indexOf("@include common-session");
  if (at < 0) throw new Error(`no common-session in /etc/pam.d/sshd:\n${pam}`);
  await node.copyIn("/etc/pam.d/sshd", `${pam.slice(0, at)}${line}${pam.slice(at)}`);
}

/** Puts the built product where a package puts it. Parts that are not built are reported, not faked. */
export async function installProduct(node: LoginNode, files: ProductFiles = {}): Promise<Installed> {
  const at = (path: string) => (path.startsWith("/") ? path : join(repository(), path));
  const first = (...paths: string[]) =>
    paths.map(at).find((path) => existsSync(path)) ?? at(paths[0] as string);
  const dist = at(files.dist ?? "dist");
  const addon = at(files.addon ?? first("dist/reaper_native.node", "build/Release/reaper_native.node"));
  const hook = at(
    files.hook ?? first("dist/session-close", "build/Release/session-close", "build/session-close"),
  );
  const units = at(files.units ?? "systemd");
  const installed: string[] = [];
  const missing: string[] = [];

  async function put(source: string, target: string, mode: number): Promise<boolean> {
    if (!existsSync(source)) {
      missing.push(source);
      return false;
    }
    await node.copyIn(target, readFileSync(source), { mode });
    installed.push(target);
    return true;
  }

  const elsewhere = ["reaper_native.node", "session-close", "launcher"];
  const programs = existsSync(dist)
    ? readdirSync(dist).filter((name) => !elsewhere.includes(name) && statSync(join(dist, name)).isFile())
    : [];
  if (programs.length === 0) missing.push(dist);
  for (const name of programs)
    await put(join(dist, name), `${HOME}/${name}`, name.endsWith(".cjs") ? 0o755 : 0o644);
  await put(addon, `${HOME}/reaper_native.node`, 0o644);
  if (installed.includes(`${HOME}/vscode-grim-reaper.cjs`))
    await put(join(dist, "launcher"), "/usr/sbin/vscode-grim-reaper", 0o755);

  if (await put(hook, HOOK, 0o755)) await installPamHook(node, HOOK, files.pamPosition);

  const unitNames = existsSync(units)
    ? readdirSync(units).filter((name) => /\.(service|timer|path|conf)$/.test(name))
    : [];
  if (unitNames.length === 0) missing.push(units);
  for (const name of unitNames) {
    const [, stem, kind] = /^(.*)\.(tmpfiles|sysusers)\.conf$/.exec(name) ?? [];
    const target = kind === undefined ? `/usr/lib/systemd/system/${name}` : `/usr/lib/${kind}.d/${stem}.conf`;
    await put(join(units, name), target, 0o644);
  }
  await put(first("dist/keep", "build/keep"), "/usr/libexec/vscode-grim-reaper/keep", 0o755);
  for (const name of ["vscode-grim-reaper.sh", "vscode-grim-reaper.csh"])
    await put(at(`profile/${name}`), `/etc/profile.d/${name}`, 0o644);
  await node.run(["systemctl", "daemon-reload"]);
  await node.run(["systemd-sysusers", "vscode-grim-reaper.conf"]);
  await node.run(["systemd-tmpfiles", "--create", "vscode-grim-reaper.conf"]);
  return { installed, missing };
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";

const HOME = "/usr/lib/vscode-grim-reaper";
export const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";

/** Puts the built product (npm run build) where a package puts it, with pam/sshd.snippet last in sshd's stack. */
export async function installProduct(node: LoginNode): Promise<void> {
  const at = (path: string) => join(repository(), path);
  const put = (source: string, target: string, mode: number) =>
    node.copyIn(target, readFileSync(at(source)), { mode });
  const elsewhere = ["session-close", "launcher", "keep"];
  for (const name of readdirSync(at("dist")))
    if (!elsewhere.includes(name) && statSync(at(`dist/${name}`)).isFile())
      await put(`dist/${name}`, `${HOME}/${name}`, name.endsWith(".cjs") ? 0o755 : 0o644);
  await put("dist/launcher", "/usr/sbin/vscode-grim-reaper", 0o755);
  await put("dist/keep", "/usr/libexec/vscode-grim-reaper/keep", 0o755);
  await put("dist/session-close", HOOK, 0o755);
  await node.run(["sh", "-c", "cat /opt/vscode-grim-reaper/pam/sshd.snippet >>/etc/pam.d/sshd"]);

  for (const name of readdirSync(at("systemd"))) {
    const [, stem, kind] = /^(.*)\.(tmpfiles|sysusers)\.conf$/.exec(name) ?? [];
    const target = kind === undefined ? `/usr/lib/systemd/system/${name}` : `/usr/lib/${kind}.d/${stem}.conf`;
    if (/\.(?:service|timer|path|conf)$/.test(name)) await put(`systemd/${name}`, target, 0o644);
  }
  await put("systemd/vscode-grim-reaper.logrotate", "/etc/logrotate.d/vscode-grim-reaper", 0o644);
  for (const name of ["vscode-grim-reaper.sh", "vscode-grim-reaper.csh"])
    await put(`profile/${name}`, `/etc/profile.d/${name}`, 0o644);
  await node.run(["systemctl", "daemon-reload"]);
  await node.run(["systemd-sysusers", "vscode-grim-reaper.conf"]);
  await node.run(["systemd-tmpfiles", "--create", "vscode-grim-reaper.conf"]);
}

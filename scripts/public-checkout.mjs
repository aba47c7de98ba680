// Tests that root runs start programs as other users. Below /root those users cannot reach the checkout.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

function canOthersReach(path) {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

/**
 * Returns if other users can reach this checkout and this Node.js, or if the caller is not root. Otherwise starts the
 * script again where they can, in a mount namespace of its own, and exits with its status.
 */
export function runWhereUsersCanRead([script, ...args]) {
  const node = process.execPath;
  if (process.getuid() !== 0 || (canOthersReach(process.cwd()) && canOthersReach(node))) return;
  const folder = mkdtempSync(join(tmpdir(), "reaper-checkout-"));
  const checkout = join(folder, "checkout");
  const runtime = join(folder, "node");
  try {
    mkdirSync(checkout);
    copyFileSync(node, runtime);
    const shell = 'chmod 755 "$1" && mount --bind "$2" "$3" && cd "$3" && shift 3 && exec "$@"';
    const command = [runtime, join("scripts", basename(script)), ...args];
    const run = spawnSync(
      "unshare",
      [
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        shell,
        "sh",
        folder,
        process.cwd(),
        checkout,
        ...command,
      ],
      { stdio: "inherit" },
    );
    process.exitCode = run.status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit();
}

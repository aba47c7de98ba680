// Processes beside a server that a reaper must never take for one.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** An editor on the server's settings: `/usr/bin/vim` when installed, else a puppet of that name. Not a server. */
export function vimOnSettings(home: string, uid?: number): PlanNode {
  const settings = join(home, ".vscode-server", "data", "Machine", "settings.json");
  writeOwned(settings, "{}\n", uid, 0o644);
  const argv = ["vim", "-n", settings];
  if (existsSync("/usr/bin/vim")) {
    return { name: "vim", uid, exe: "/usr/bin/vim", argv, behaviours: ["foreign", "hold-stdin"] };
  }
  return { name: "vim", uid, exe: puppetNamed(home, "vim", uid), argv };
}

/** `tar` packing the server folder: a puppet of that name, since a real one would end. Not a server. */
export function tarOnServer(home: string, uid?: number): PlanNode {
  const argv = ["tar", "-czf", join(home, "x.tgz"), "-C", home, ".vscode-server"];
  return { name: "tar", uid, exe: puppetNamed(home, "tar", uid), argv };
}

/**
 * A tmux server with the given processes below: the real program when installed (in the foreground mode -D, whose
 * kernel name is "tmux: server" just the same), else a puppet.
 */
export function tmuxServer(home: string, children: readonly PlanNode[], uid?: number): PlanNode {
  const common = { name: "tmux", uid, children } as const;
  const argv = ["tmux", "-f", "/dev/null", "-S", join(home, "tmux.sock"), "-D"];
  if (existsSync("/usr/bin/tmux")) {
    return {
      ...common,
      exe: "/usr/bin/tmux",
      argv,
      behaviours: ["foreign", "hold-stdin", "daemon", "setsid"],
    };
  }
  const behaviours: Behaviour[] = ["daemon", "setsid", "comm=tmux: server"];
  return { ...common, exe: puppetNamed(home, "tmux", uid), argv, behaviours };
}

/** A process under any name in HOME/bin that only sleeps. */
export function sleeper(home: string, name: string, argv: readonly string[], uid?: number): PlanNode {
  return { name, uid, exe: puppetNamed(home, name, uid), argv };
}

import { puppetNamed, writeOwned } from "./install.ts";
import type { Behaviour, PlanNode } from "./puppet-plan.ts";

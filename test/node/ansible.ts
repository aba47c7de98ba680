/** Runs ansible-playbook on this machine against booted nodes, over ssh. */

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";

export interface PlayResult {
  readonly status: number;
  /** Standard output and standard error. */
  readonly text: string;
  /** By host, the counts of the recap: ok, changed, unreachable, failed … */
  readonly recap: ReadonlyMap<string, Readonly<Record<string, number>>>;
}

/** Joins ssh's standard streams to the sshd of a node, whose network namespace has only a loopback. */
const RELAY =
  'const s = require("node:net").connect(22, "127.0.0.1"); process.stdin.pipe(s); s.pipe(process.stdout);';

/** Why Ansible cannot be tested here; null when it can. */
export function whyNoAnsible(): string | null {
  try {
    for (const tool of ["ansible-playbook", "ansible-lint"])
      execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "pipe" });
    return null;
  } catch {
    return "not installed: ansible-core, ansible-lint (Debian's packages)";
  }
}

/** An inventory of nodes that alice administers through sudo, without a password. */
export class ControlNode {
  readonly #folder: string;
  readonly playbooks: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.playbooks = join(repository(), "packaging/ansible");
  }

  static async of(nodes: Readonly<Record<string, LoginNode>>): Promise<ControlNode> {
    const folder = mkdtempSync(join(tmpdir(), "reaper-ansible-"));
    const lines = ["[login]"];
    for (const [name, node] of Object.entries(nodes)) {
      await node.copyIn("/etc/sudoers.d/ansible", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
      writeFileSync(join(folder, `${name}.key`), await node.read("/root/keys/alice"), { mode: 0o600 });
      const relay = join(folder, `${name}.sh`);
      const enter = `exec nsenter -n -t ${node.machine.initPid} '${process.execPath}' -e '${RELAY}'`;
      writeFileSync(relay, `#!/bin/sh\n${enter}\n`, { mode: 0o700 });
      lines.push(
        `${name} ansible_ssh_private_key_file=${folder}/${name}.key ansible_ssh_common_args='${[
          `-o ProxyCommand=${relay}`,
          "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        ].join(" ")}'`,
      );
    }
    lines.push("[login:vars]", "ansible_user=alice", "ansible_python_interpreter=/usr/bin/python3");
    writeFileSync(join(folder, "inventory"), `${lines.join("\n")}\n`);
    return new ControlNode(folder);
  }

  /** Runs a playbook of packaging/ansible with these variables. */
  play(
    playbook: string,
    variables: Readonly<Record<string, unknown>>,
    ...args: string[]
  ): Promise<PlayResult> {
    const argv = ["-i", join(this.#folder, "inventory"), "-e", JSON.stringify(variables), ...args, playbook];
    const env = {
      PATH: process.env.PATH ?? "",
      HOME: this.#folder,
      LANG: "C.UTF-8",
      ANSIBLE_NOCOLOR: "1",
      ANSIBLE_LOCAL_TEMP: join(this.#folder, "tmp"),
      ANSIBLE_PIPELINING: "1",
      // A busy machine may drop a multiplexed connection.
      ANSIBLE_SSH_RETRIES: "3",
      ANSIBLE_SSH_CONTROL_PATH_DIR: join(this.#folder, "cp"),
    };
    return new Promise((resolve) => {
      const options = { cwd: this.playbooks, env, timeout: 120_000, maxBuffer: 1 << 26 };
      execFile("ansible-playbook", argv, options, (error, stdout, stderr) => {
        const status = error ? (typeof error.code === "number" ? error.code : 255) : 0;
        const text = `${stdout}${stderr}`;
        resolve({ status, text, recap: recapOf(text) });
      });
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function recapOf(text: string): Map<string, Record<string, number>> {
  const recap = new Map<string, Record<string, number>>();
  const [, rows = ""] = text.split("PLAY RECAP");
  for (const [, host = "", counts = ""] of rows.matchAll(/^(\S+)\s+: (ok=.*)$/gm))
    recap.set(
      host,
      Object.fromEntries([...counts.matchAll(/(\w+)=(\d+)/g)].map(([, key, count]) => [key, Number(count)])),
    );
  return recap;
}

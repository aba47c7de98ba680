/** Runs ansible-playbook on this machine against a booted node, over ssh. */

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
  /** Of the recap: ok, changed, unreachable, failed … */
  readonly counts: Readonly<Record<string, number>>;
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

/** An inventory of one node, which alice administers through sudo, without a password. */
export class ControlNode {
  readonly #folder: string;
  readonly playbooks: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.playbooks = join(repository(), "packaging/ansible");
  }

  static async of(node: LoginNode): Promise<ControlNode> {
    const folder = mkdtempSync(join(tmpdir(), "reaper-ansible-"));
    await node.copyIn("/etc/sudoers.d/ansible", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
    writeFileSync(join(folder, "key"), await node.read("/root/keys/alice"), { mode: 0o600 });
    const relay = join(folder, "relay.sh");
    const enter = `exec nsenter -n -t ${node.machine.initPid} '${process.execPath}' -e '${RELAY}'`;
    writeFileSync(relay, `#!/bin/sh\n${enter}\n`, { mode: 0o700 });
    const options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
    const lines = [
      "[login]",
      `one ansible_ssh_private_key_file=${folder}/key ansible_ssh_common_args='-o ProxyCommand=${relay} ${options}'`,
      "[login:vars]",
      "ansible_user=alice",
      "ansible_python_interpreter=/usr/bin/python3",
    ];
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
      const options = { cwd: this.playbooks, env, timeout: 600_000, maxBuffer: 1 << 26 };
      execFile("ansible-playbook", argv, options, (error, stdout, stderr) => {
        const status = error ? (typeof error.code === "number" ? error.code : 255) : 0;
        const text = `${stdout}${stderr}`;
        resolve({ status, text, counts: countsOf(text) });
      });
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function countsOf(text: string): Record<string, number> {
  const [, counts = ""] = /PLAY RECAP[\s\S]*?^\S+\s+: (ok=.*)$/m.exec(text) ?? [];
  return Object.fromEntries([...counts.matchAll(/(\w+)=(\d+)/g)].map(([, key, n]) => [key, Number(n)]));
}

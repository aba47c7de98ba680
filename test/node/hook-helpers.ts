// The session-close hook on the login node: servers to leave behind, what sshd said, tags.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Tag } from "../../src/core/observation/observation.ts";
import { until } from "../helpers/until.ts";
import { readOr } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";
import { standInCommand } from "./scenario-helpers.ts";
import { quoted, type SshClient, type SshOptions, type SshSession } from "./ssh-client.ts";

export const TAGS = "/run/vscode-grim-reaper/tags";

export interface Visit {
  readonly ssh: SshClient;
  readonly session: SshSession;
  /** The server that it left in the background. */
  readonly pid: number;
}

/** Logs in, starts a server that will outlive the session, and stays. */
export async function visit(node: LoginNode, user: string, options: SshOptions = {}): Promise<Visit> {
  const command = (await standInCommand(node, { user })).map(quoted).join(" ");
  const ssh = await node.ssh(user, null, options);
  ssh.stdin.write(`f=$(mktemp); ${command} >$f 2>&1 </dev/null &\n`);
  ssh.stdin.write('until grep -q ^listening== $f; do sleep 0.05; done; echo "server==$!=="\n');
  const pid = Number((await ssh.waitOutput(/^server==(\d+)==$/m))[1]);
  return { ssh, pid, session: await ssh.session() };
}

export async function logOut({ ssh }: Pick<Visit, "ssh">): Promise<void> {
  ssh.stdin.end("exit\n");
  assert.equal((await ssh.waitExit()).status, 0);
}

export async function endServer(node: LoginNode, { pid }: Pick<Visit, "pid">): Promise<void> {
  await node.exec(["kill", "-KILL", `${pid}`]);
  await until(() => assert.equal(node.alive(pid), false));
}

/** The tags in the folder, which holds nothing else but temporary files, by uid. */
export function tags(node: LoginNode): Map<number, Tag> {
  const folder = `/proc/${node.machine.initPid}/root${TAGS}`;
  return new Map(
    readdirSync(folder).flatMap((name) => {
      const text = readOr(join(folder, name), "");
      if (text === "" || name.startsWith(".")) return [];
      const tag = JSON.parse(text) as Tag;
      assert.equal(name, `${tag.uid}.json`);
      return [[tag.uid, tag]];
    }),
  );
}

/** Waits for the tag of the connection from this address. */
export function waitForTag(node: LoginNode, uid: number, address: string): Promise<Tag> {
  const find = (): Tag => {
    const tag = tags(node).get(uid);
    assert.equal(tag?.remoteHost, address);
    return tag as Tag;
  };
  return until(find, { timeoutMs: 20_000, everyMs: 10 });
}

/** What the hook told the system log. */
export async function saidByHook(node: LoginNode, priority = "info"): Promise<string[]> {
  const said = await node.journal("-q", "-o", "cat", "-p", priority, "-t", "vscode-grim-reaper");
  return said.split("\n").filter((line) => line.startsWith("session-close"));
}

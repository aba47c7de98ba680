/** Fifty logouts a second for twenty seconds, and as many real ssh logouts as the machine can: no tag is lost. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { COMMIT } from "../helpers/ide-trees.ts";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import {
  bootWithHook,
  compileInto,
  faultsOfHook,
  type Left,
  list,
  logOut,
  PUPPET,
  startTimeOf,
  TAGS,
  tagFiles,
  tagOf,
  type Visit,
  visit,
  waitForTag,
} from "./hook-helpers.ts";
import { HOOK } from "./install-product.ts";
import type { LoginNode } from "./login-node.ts";

const RATE = 50;
const SECONDS = 20;
const USERS = Array.from({ length: 20 }, (_, i) => ({ name: `user${i}`, uid: 3001 + i }));
const DRIVER = "/usr/local/sbin/hook-driver";
const TIMES = "/run/hook-times";

function quantiles(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) =>
    ((sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0) / 1000).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

describe("the session-close hook under load", () => {
  let node: LoginNode;
  let trees: (Left & { readonly user: string })[];

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    node = await bootWithHook();
    await compileInto(node, "hook-driver.cc", DRIVER, ["-static-libstdc++", "-static-libgcc"]);
    const stack = await node.read("/etc/pam.d/sshd");
    // The hook under a watch.
    await node.copyIn("/etc/pam.d/sshd", stack.replace(HOOK, `${DRIVER} time ${TIMES} ${HOOK}`));
  });
  after(() => node?.powerOff());

  /** Each user's tree: ten processes in a unit of the user's own slice, and a user manager as logins make it. */
  async function plant(): Promise<(Left & { user: string })[]> {
    const script = USERS.map(({ name, uid }) => {
      const root = `/home/${name}/.vscode-server/bin/${COMMIT}`;
      const start = `mkfifo $HOME/report; PUPPET_BEHAVIOUR=copies=9 PUPPET_NODE=0 exec ${root}/node ${root}/out/server-main.js 3<>$HOME/report`;
      return `useradd -m -u ${uid} ${name} && mkdir -p ${root} && cp ${PUPPET} ${root}/node && chown -R ${name}: /home/${name}
        loginctl enable-linger ${name}
        systemd-run -q --unit=tree-${name} --uid=${uid} --slice=user-${uid}.slice -E HOME=/home/${name} sh -c '${start}'`;
    });
    await node.run(["sh", "-ec", script.join("\n")], { timeoutMs: 60_000 });
    return until(async () => {
      const processes = (await node.processes()).filter((p) => p.args.includes("/out/server-main.js"));
      return USERS.map(({ name, uid }) => {
        const own = processes.filter((p) => p.uid === uid);
        assert.equal(own.length, 10, name);
        const pids = new Set(own.map(({ pid }) => pid));
        const top = own.find(({ ppid }) => !pids.has(ppid));
        assert.ok(top);
        return { user: name, pid: top.pid, startTime: startTimeOf(node, top.pid), port: 0 };
      });
    });
  }

  it(`${RATE} logouts a second for ${SECONDS} s of ${USERS.length} users with trees`, async (t) => {
    if (!hasLoginNode(t)) return;
    trees = await plant();
    const targets = trees.map(({ user, pid, startTime }) => `${user}=${TAGS}/${pid}-${startTime}.json`);
    const storm = await node.spawn([DRIVER, "storm", "sshd", `${RATE}`, `${SECONDS}`, ...targets]);
    // A reader beside them never meets a torn tag.
    let looks = 0;
    while (!/^ended/m.test(storm.stdout())) {
      const { errors } = await list(node);
      assert.deepEqual(errors, []);
      looks += tagFiles(node).length;
      await new Promise((wake) => setTimeout(wake, 1000));
    }
    assert.equal((await storm.waitExit()).status, 0);
    const lines = storm.stdout().split("\n");
    const took = (word: string) => Number(lines.find((line) => line.startsWith(word))?.split(" ")[1]) / 1e6;
    const sessions = lines.map((line) => /^ok (\d+) (\d+)$/.exec(line)).filter((match) => match !== null);
    const times = (await node.read(TIMES))
      .trim()
      .split("\n")
      .map((line) => line.split(" ").map(Number));
    t.diagnostic(`hook: ${quantiles(times.map(([us]) => us ?? 0))}`);
    t.diagnostic(`PAM open: ${quantiles(sessions.map((match) => Number(match[1])))}`);
    t.diagnostic(`PAM close: ${quantiles(sessions.map((match) => Number(match[2])))}`);
    t.diagnostic(
      `${sessions.length} logouts begun in ${took("started")} s, done in ${took("ended")} s, ${looks} tags read`,
    );
    assert.deepEqual(
      lines.filter((line) => line.startsWith("failed")),
      [],
    );
    assert.equal(sessions.length, RATE * SECONDS);
    assert.equal(times.length, sessions.length);
    assert.deepEqual(
      times.filter(([, status]) => status !== 0),
      [],
    );
    assert.ok(took("started") < SECONDS + 1, "the machine is too slow for this rate");
    assert.ok(took("ended") < SECONDS + 10, "logouts piled up");
    assert.equal(await faultsOfHook(node), "");
    assert.deepEqual(
      tagFiles(node).map(({ tag }) => tag.root.pid),
      trees.map(({ pid }) => pid).sort((a, b) => (`${a}` < `${b}` ? -1 : 1)),
    );
    assert.equal(
      (await node.run(["ls", "-A", TAGS])).trim().split("\n").length,
      USERS.length,
      "a temporary file",
    );
  });

  it("as many real ssh logouts as the machine can", async (t) => {
    if (!hasLoginNode(t)) return;
    const users = ["alice", "bob", "carol"];
    const visits: Visit[] = [];
    for (const user of users) visits.push(await visit(node, user));
    for (const each of visits) await logOut(each);
    for (const each of visits) await waitForTag(node, each);
    const before = (await node.read(TIMES)).trim().split("\n").length;
    const loop = users.map(
      (user) => `(
        while [ "$(date +%s%3N)" -lt "$until" ]; do
          ssh -n -q -F none -i /root/keys/${user} -o BatchMode=yes -o StrictHostKeyChecking=no \\
            -o UserKnownHostsFile=/dev/null ${user}@127.0.0.1 true && echo ok || echo failed ${user} $?
        done) &`,
    );
    const began = Date.now();
    const script = `until=$(($(date +%s%3N) + 8000))\n${loop.join("\n")}\nwait`;
    const outcome = await node.run(["sh", "-c", script]);
    const seconds = (Date.now() - began) / 1000;
    const logins = outcome.split("\n").filter(Boolean);
    assert.deepEqual(
      logins.filter((line) => line !== "ok"),
      [],
    );
    const times = await until(async () => {
      const lines = (await node.read(TIMES)).trim().split("\n").slice(before);
      assert.equal(lines.length, logins.length);
      return lines.map((line) => Number(line.split(" ")[0]));
    });
    t.diagnostic(`${(logins.length / seconds).toFixed(1)} real logouts a second; hook: ${quantiles(times)}`);
    // The last tag is that of the last logout.
    for (const each of visits) assert.ok((tagOf(node, each)?.closedAt ?? 0) > began + 4000);
    assert.equal(await faultsOfHook(node), "");
  });
});

/** The users' side on a real login node: told at the login, asking to keep, ending their own. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import {
  AT_ONCE,
  becomes,
  configure,
  PROGRAM,
  type StandIn,
  startStandIn,
  suiteNode,
} from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";

onLoginNode("the users' side", () => {
  const node = suiteNode();

  afterEach(async () => {
    const state = "rm -rf /var/lib/vscode-grim-reaper/notices/* /home/*/.local; pkill -x keep";
    await node.run(["sh", "-c", `${state}; systemctl reset-failed`]);
    await configure(node, AT_ONCE);
  });

  const options =
    "-q -F none -i /root/keys/alice -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
  const shell = (script: string) => node.run(["sh", "-c", script]);
  /** A login with a terminal: all that it showed. */
  async function login(user = "alice"): Promise<string> {
    const ssh = await node.ssh(user, null, { options: ["-tt"], stdin: "exit\n" });
    const { status, stdout, stderr } = await ssh.waitExit();
    assert.equal(status, 0, stderr);
    return stdout.replaceAll("\r", "");
  }
  const runUnit = async (): Promise<void> => {
    await node.run(["systemctl", "start", UNIT]);
  };
  const gone = (server: StandIn) => until(() => assert.ok(!node.alive(server.pid), `${server.pid} lives`));
  const byAlice = async (...args: string[]) => {
    const outcome = await (await node.ssh("alice", [PROGRAM, ...args], { stdin: "" })).waitExit();
    return { ...outcome, said: outcome.stdout + outcome.stderr };
  };

  it("what the unit ended is shown at the next login in a terminal, once, and nowhere else", async () => {
    const text = "Questions: hpc@example.org\\nhttps://hpc.example.org/reaper";
    await configure(node, `${AT_ONCE}[notice]\ntext = "${text}"\n`);
    const server = await startStandIn(node, { run: "sleep 7201" });
    await becomes(node, server.pid, "reap");
    await runUnit();
    await gone(server);

    // What programs read stays byte for byte what it was.
    await node.copyIn("/root/batch", "put /etc/os-release from-sftp\n");
    const ssh = `ssh ${options} alice@127.0.0.1`;
    const clean: readonly (readonly [string, RegExp])[] = [
      [`${ssh} echo clean </dev/null`, /^clean\n$/],
      [`${ssh} -tt echo clean </dev/null`, /^clean\r\n$/],
      [`echo 'echo clean' | ${ssh} -T`, /^(?:(?!stopped)[\s\S])*clean\n$/],
      [`scp ${options} /etc/os-release alice@127.0.0.1:from-scp`, /^$/],
      [`sftp ${options} -b /root/batch alice@127.0.0.1`, /^sftp> put [^\n]*\n$/],
      // As an editor asks a login shell for its environment.
      [
        `${ssh} "bash -i -l -c 'echo MARK; env >/dev/null; echo MARK'" </dev/null 2>/dev/null`,
        /^MARK\nMARK\n$/,
      ],
    ];
    for (const [command, says] of clean) assert.match(await shell(`(${command}) 2>&1`), says, command);
    assert.equal(await shell("ls -A /home/alice/.local 2>/dev/null || true"), "", "nobody was told yet");

    assert.doesNotMatch(await login("bob"), /was stopped/);
    const shown = await login();
    assert.match(
      shown,
      /^Your VS Code server on \S+ was stopped at \d{4}-\d\d-\d\d \d\d:\d\d: it had been unused for .*\.$/m,
    );
    assert.match(
      shown,
      /^ {2}Saved files are safe.*\n(?: .*\n)*Questions: hpc@example\.org\nhttps:\/\/hpc\.example\.org\/reaper$/m,
    );
    assert.doesNotMatch(await login(), /was stopped|Questions/);
    assert.equal((await node.exec(["systemctl", "is-failed", UNIT])).stdout.trim(), "inactive");
  });

  it("a user keeps an orphan, sees it, withdraws it; the unit reads the request in its sandbox", async () => {
    const server = await startStandIn(node);
    await becomes(node, server.pid, "reap");
    const asked = await byAlice("keep", "12h");
    assert.equal(asked.status, 0, asked.said);
    assert.match(asked.said, /\nA reboot ends that early\.\n/);
    assert.match((await byAlice("list")).said, /exempt[\s\S]*Your trees are left alone until/);
    await node.run(["rm", "-f", "/var/log/vscode-grim-reaper/sweep.log"]);
    await runUnit();
    assert.ok(node.alive(server.pid));
    const left = `under pid ${server.pid} (uid 2001): kept by its user until `;
    assert.ok((await node.read("/var/log/vscode-grim-reaper/sweep.log")).includes(left));
    assert.equal((await byAlice("keep", "--cancel")).stdout, "Withdrawn.\n");
    await runUnit();
    await gone(server);
  });

  it("the tree of the terminal that it runs in stays", async () => {
    const other = await startStandIn(node);
    const careful = await startStandIn(node, {
      run: `${PROGRAM} end >/home/alice/end.log 2>&1; echo "status $?" >>/home/alice/end.log; exec sleep 7301`,
    });
    await gone(other);
    const log = () => node.read("/home/alice/end.log");
    await until(async () => assert.match(await log(), /status 0/));
    const why = `left alone: this command runs in the tree of ${careful.pid}; `;
    assert.ok((await log()).includes(why), await log());
    assert.ok(node.alive(careful.pid));
  });
});

/** The README's own commands, copied block by block, on a booted login node: nothing printed there may rot. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { blockWith as findBlock, shellBlocks } from "../helpers/markdown.ts";
import { onLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import { LoginNode } from "./login-node.ts";
import { buildDebs, type Debs, insideOf, whyNoPackages } from "./packages.ts";
import { AT_ONCE, startStandIn } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const OBSERVE = "/etc/vscode-grim-reaper/config.d/00-observe.toml";
const OLD_FILES = ["/etc/systemd/system/vscode-grim-reaper.service", "/usr/local/bin/vscode-grim-reaper"];

const blocks = shellBlocks(join(repository(), "README.md"));

/** Takes the one block that contains a text; each block is taken by one test, and none may be left over. */
const taken = new Set<string>();
function blockWith(text: string): string {
  const block = findBlock(blocks, text);
  taken.add(block);
  return block;
}

function commands(): void {
  let debs: Debs;
  let node: LoginNode;

  before(
    async () => {
      debs = await buildDebs();
      node = await LoginNode.boot();
    },
    { timeout: 20 * 60_000 },
  );
  after(async () => {
    await node.powerOff();
    debs.remove();
  });

  /** As an administrator types it in a checkout; apt asks nothing. */
  const type = (block: string) =>
    node.exec(["bash", "-c", `cd /root/checkout && set -e\n${block}`], {
      env: { DEBIAN_FRONTEND: "noninteractive", PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin" },
      timeoutMs: 300_000,
    });
  const succeeds = async (block: string): Promise<string> => {
    const ran = await type(block);
    assert.equal(ran.status, 0, `${block}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };

  it("in a checkout: every npm script is one of package.json", () => {
    const { scripts } = JSON.parse(readFileSync(join(repository(), "package.json"), "utf8"));
    for (const [, script] of blockWith("npm run demo").matchAll(/npm (?:run )?(start|test|demo)\b/g))
      assert.ok(script !== undefined && script in scripts, script);
  });

  it("a first installation observes, and says so", async () => {
    await node.run(["sh", "-c", "mkdir -p /root/checkout/build/packages"]);
    await node.run(["sh", "-c", `cp ${insideOf(debs.deb)} /root/checkout/build/packages/`]);
    // Another architecture's package and the runtime's lie beside it.
    for (const other of ["_9.9.9-1_arm64", "-node_24.0.0-1_amd64"])
      await node.copyIn(`/root/checkout/build/packages/vscode-grim-reaper${other}.deb`, "not a package");
    await node.copyIn("/etc/apt/apt.conf.d/90test", 'APT::Get::Assume-Yes "1";\n');
    for (const file of OLD_FILES) await node.copyIn(file, "#!/bin/sh\n", { mode: 0o755 });
    const ran = await type(blockWith("apt install"));
    const output = ran.stdout + ran.stderr;
    assert.equal(ran.status, 0, output);
    assert.match(output, /the mode is: observing, nothing is ended/);
    assert.match(output, /to check the installation: vscode-grim-reaper doctor/);
    for (const file of OLD_FILES) assert.ok(output.includes(`warning: ${file} hides`), output);
  });

  it("the predecessor's files go, and the package's unit is in effect", async () => {
    await succeeds(blockWith("/usr/local/bin/vscode-grim-reaper"));
    const path = await node.run(["systemctl", "show", "--property=FragmentPath", "--value", UNIT]);
    assert.match(path, /^\/usr\/lib\/systemd\/system\//);
  });

  it("doctor answers", async () => {
    const ran = await type(blockWith("vscode-grim-reaper doctor").replace(/^set -e$/m, ""));
    assert.match(ran.stdout, /^ok +/m, ran.stderr);
    assert.doesNotMatch(ran.stderr, /^\s+at /m);
  });

  it("a day of observing ends with a report, and then sweeps enforce", async () => {
    await node.copyIn("/etc/vscode-grim-reaper/config.d/10-test.toml", AT_ONCE);
    const { pid } = await startStandIn(node);
    await node.run(["systemctl", "start", UNIT]);
    const said = await succeeds(blockWith("report --would"));
    assert.match(said, /^mode +observing/m);
    assert.match(said, /^next sweep +\S/m);
    assert.match(said, /^Sweeps would have ended 1 tree of 1 user/m);
    assert.match(said, new RegExp(`^alice +vscode +${pid} `, "m"));
    assert.ok(node.alive(pid));
    assert.equal((await node.exec(["test", "-e", OBSERVE])).status, 0);
    assert.match(await succeeds(blockWith("reaper enforce\n")), /^From now on sweeps end orphans/m);
    assert.equal((await node.exec(["test", "-e", OBSERVE])).status, 1);
    await node.run(["systemctl", "start", UNIT]);
    assert.equal(node.alive(pid), false);
    const journal = await node.journal("-u", UNIT);
    assert.match(journal, /Killed \d+ process\(es\) under pid/);
    assert.match(journal, /1 tree: 1 reap; 1 tree ended/);
  });

  it("pam/README: the line in sshd's own file, checked, and taken out again", async () => {
    const pamBlocks = shellBlocks(join(repository(), "pam/README.md"));
    const [own = "", add = "", check = "", remove = ""] = pamBlocks.filter((one) => one.includes("pam-line"));
    const files = async (): Promise<string> =>
      (await node.exec(["grep", "-rlF", "vscode-grim-reaper/session-close", "/etc/pam.d"])).stdout;
    assert.equal(await files(), "/etc/pam.d/common-session\n");
    await succeeds(own);
    assert.equal(await files(), "/etc/pam.d/sshd\n");
    await succeeds(add);
    assert.equal(await files(), "/etc/pam.d/sshd\n");
    const checked = await type(check.replace(/^(vscode-grim-reaper doctor)/m, "$1 || :"));
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /^the hook is in: \/etc\/pam\.d\/sshd/);
    assert.match(checked.stdout, /^ok +PAM line +\/etc\/pam\.d\/sshd:/m);
    assert.match(checked.stdout, /^drwxrwx--- \d+ root +vscode-grim-reaper /m);
    await succeeds(remove);
    assert.equal(await files(), "");
  });

  it("dnf's block is one of packages.test.ts", () => assert.match(blockWith("dnf install"), /pam-line add/));

  it("no block is left over", () => {
    const left = blocks.filter((block) => !taken.has(block));
    assert.deepEqual(left, []);
  });
}

onLoginNode("the README's commands", commands, whyNoLoginNode() ?? whyNoPackages());

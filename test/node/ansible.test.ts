/** The Ansible role on a login node, over ssh: installed, changed, upgraded, removed. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, it } from "node:test";
import { ControlNode, type PlayResult, whyNoAnsible } from "./ansible.ts";
import { onLoginNode, whyNoLoginNode } from "./available.ts";
import { LoginNode } from "./login-node.ts";
import { buildDebs, changedSince, contents, type Debs, whyNoPackages } from "./packages.ts";
import { PROGRAM } from "./scenario-helpers.ts";

const CONFIG = "/etc/vscode-grim-reaper/config.toml";
const PAM_LINE = "/usr/libexec/vscode-grim-reaper/pam-line";
const SETTINGS = {
  grace: "15m",
  exemptUsers: ["bob", 4711],
  graceByProduct: { cursor: "30m" },
  metrics: { file: "/var/lib/site/grim.prom" },
  notice: { text: 'Ask "help"\nor write – to us' },
  exempt: [{ user: "carol", until: "2031-01-31", reason: "a demonstration" }],
};

onLoginNode(
  "the Ansible role",
  () => {
    let debs: Debs;
    let node: LoginNode;
    let control: ControlNode;
    let untouched: string[];
    let variables: Record<string, unknown>;

    /** The play succeeded; returns how many of its tasks changed something. */
    function changed({ status, text, counts }: PlayResult): number {
      assert.equal(status, 0, text);
      return counts.changed ?? -1;
    }

    before(
      async () => {
        debs = await buildDebs();
        node = await LoginNode.boot();
        control = await ControlNode.of(node);
        untouched = await contents(node);
        variables = { vscode_grim_reaper_package_file: debs.deb, vscode_grim_reaper_config: SETTINGS };
      },
      { timeout: 10 * 60_000 },
    );
    after(async () => {
      await node.powerOff();
      control[Symbol.dispose]();
      debs.remove();
    });

    it("passes ansible-lint's production profile", () => {
      const what = ["site.yml", "doctor.yml", "roles/vscode_grim_reaper"];
      execFileSync("ansible-lint", ["--offline", "--profile", "production", "--strict", ...what], {
        cwd: control.playbooks,
        stdio: "pipe",
      });
    });

    it("--check --diff on a fresh host shows the configuration and changes nothing", async () => {
      const said = await control.play("site.yml", variables, "--check", "--diff");
      assert.ok(changed(said) > 0);
      assert.match(said.text, /\+grace = "15m"/);
      assert.equal((await node.exec(["test", "-e", PROGRAM])).status, 1);
      assert.equal((await node.exec(["test", "-e", "/etc/vscode-grim-reaper"])).status, 1);
    });

    it("installs: configuration, hook, timer; observing until the site says otherwise", async () => {
      assert.ok(changed(await control.play("site.yml", variables)) > 0);
      assert.equal(await node.run([PROGRAM, "--version"]), `${debs.version}\n`);
      assert.match(await node.run([PAM_LINE, "check"]), /the hook is in/);
      assert.equal(await node.run(["systemctl", "is-active", "vscode-grim-reaper.timer"]), "active\n");
      const said = await node.run([PROGRAM, "check-config"]);
      assert.match(said, /enforce +false/);
      assert.match(said, /grace +15m/);
      assert.match(said, /graceByProduct\.cursor +30m/);
      assert.match(said, /exemptUsers +bob, 4711/);
      assert.match(said, /carol until 2031-01-31: a demonstration/);
      assert.match(await node.read(CONFIG), /text = "Ask \\"help\\"\\nor write – to us"/);
      // The sweep runs in its unit, and may write the metrics where the site wants them.
      await node.run(["systemctl", "start", "vscode-grim-reaper.service"]);
      assert.match(await node.read("/var/lib/site/grim.prom"), /^vscode_grim_reaper_/m);
      assert.equal(await node.run(["stat", "-c", "%U", "/var/lib/site/grim.prom"]), "vscode-grim-reaper\n");
      assert.equal(changed(await control.play("site.yml", variables)), 0, "run again");
    });

    it("refuses a configuration with a mistake, and keeps the one in force", async () => {
      const before = await node.read(CONFIG);
      const wrong = { ...variables, vscode_grim_reaper_config: { ...SETTINGS, graec: "1m" } };
      for (const args of [[], ["--check"]]) {
        const said = await control.play("site.yml", wrong, ...args);
        assert.equal(said.status, 2, said.text);
        assert.match(said.text, /graec: unknown key; did you mean \\*"grace\\*"/);
        assert.equal(await node.read(CONFIG), before);
      }
    });

    it("changes one setting and adds the hook where another role took it out, with a diff", async () => {
      await node.run(["pam-auth-update", "--disable", "vscode-grim-reaper"]);
      assert.equal((await node.exec([PAM_LINE, "check"])).status, 1);
      const enforcing = { ...variables, vscode_grim_reaper_mode: "enforce" };
      const said = await control.play("site.yml", enforcing, "--diff");
      assert.equal(changed(said), 2);
      assert.match(said.text, /^-enforce = false\n\+enforce = true$/m);
      assert.match(said.text, /^\+session optional pam_exec\.so quiet type=close_session/m);
      assert.match(await node.run([PAM_LINE, "check"]), /\/etc\/pam\.d\/sshd/);
      assert.match(await node.run([PROGRAM, "check-config"]), /enforce +true/);
      variables = enforcing;
    });

    it("upgrades and keeps the configuration, the timer and one line of PAM", async () => {
      const config = await node.read(CONFIG);
      variables = { ...variables, vscode_grim_reaper_package_file: debs.nextDeb };
      assert.ok(changed(await control.play("site.yml", variables)) > 0);
      const version = await node.run(["dpkg-query", "-W", "-f", `\${Version}`, "vscode-grim-reaper"]);
      assert.equal(version, `${debs.nextVersion}-1`);
      assert.equal(await node.run([PROGRAM, "--version"]), `${debs.nextVersion}\n`);
      assert.equal(await node.read(CONFIG), config);
      const lines = await node.run(["grep", "-rhF", "vscode-grim-reaper/session-close", "/etc/pam.d"]);
      assert.equal(lines.trim().split("\n").length, 1);
    });

    it("doctor.yml shows what a node lacks", async () => {
      const doctor = await control.play("doctor.yml", {});
      assert.equal(doctor.status, 0, doctor.text);
      await node.run(["systemctl", "stop", "vscode-grim-reaper.timer"]);
      const fault = await control.play("doctor.yml", {});
      assert.deepEqual([fault.status, fault.counts.failed], [2, 1], fault.text);
      await node.run(["systemctl", "start", "vscode-grim-reaper.timer"]);
    });

    it("removes everything that it installed", async () => {
      const absent = { ...variables, vscode_grim_reaper_state: "absent", vscode_grim_reaper_purge: true };
      assert.ok(changed(await control.play("site.yml", absent, "--check")) > 0);
      await node.run([PAM_LINE, "check"]);
      assert.ok(changed(await control.play("site.yml", absent)) > 0);
      const { added, gone } = await changedSince(node, untouched);
      // apt's own caches, the folder of the metrics, which the site may use for others, and the keys that tinysshd makes
      // when it is first asked.
      const kept = /^\/var\/(?:cache\/apt\/\w+\.bin|lib\/apt\/lists\/auxfiles|lib\/site) |\/etc\/tinyssh\//;
      assert.deepEqual([added.filter((line) => !kept.test(line)), gone], [[], []]);
      assert.equal(changed(await control.play("site.yml", absent)), 0);
    });
  },
  whyNoLoginNode() ?? whyNoAnsible() ?? whyNoPackages(),
);

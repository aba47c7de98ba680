/** The packages on the booted login node: installed, used, upgraded, removed, purged. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { temporaryFolder } from "../helpers/program.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import { LoginNode } from "./login-node.ts";
import {
  buildPackages,
  changedSince,
  contents,
  dpkg,
  insideOf,
  installDeb,
  type Packages,
  rpm,
  rpmTest,
  whyNoPackages,
} from "./packages.ts";
import { AT_ONCE, configure, endAll, PROGRAM, startStandIn, treeOf } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const TIMER = "vscode-grim-reaper.timer";
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const CONFIG = "/etc/vscode-grim-reaper/config.toml";
const OBSERVE = "/etc/vscode-grim-reaper/config.d/00-observe.toml";
const LAST_SWEEP = "/var/lib/vscode-grim-reaper/last-sweep.json";
const METRICS = "/var/lib/misc/reaper.prom";
const PAM_LINE = "/usr/libexec/vscode-grim-reaper/pam-line";
const HOOK_LINE = "type=close_session /usr/libexec/vscode-grim-reaper/session-close";
const RUNTIME = "/usr/lib/vscode-grim-reaper/node/bin/node";

function packaging(): void {
  let packages: Packages;

  before(
    async () => {
      packages = await buildPackages();
    },
    { timeout: 20 * 60_000 },
  );
  after(() => packages.remove());

  describe("on Debian", () => {
    let node: LoginNode;
    let untouched: string[];

    before(async () => {
      node = await LoginNode.boot();
      untouched = await contents(node);
    });
    after(() => node.powerOff());

    const state = async (unit: string) => {
      const { stdout } = await node.exec(["systemctl", "show", "-p", "ActiveState,UnitFileState", unit]);
      return Object.fromEntries([...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
    };
    const hookLines = async () => {
      const { stdout } = await node.exec(["grep", "-rhF", HOOK_LINE, "/etc/pam.d"]);
      return stdout.split("\n").filter((line) => line !== "").length;
    };

    it("installs: timer running, hook in the PAM stack, no sweep yet", async () => {
      await installDeb(node, packages.deb);
      assert.deepEqual(await state(TIMER), { ActiveState: "active", UnitFileState: "enabled" });
      assert.deepEqual(await state(UNIT), { ActiveState: "inactive", UnitFileState: "static" });
      assert.equal(await node.read(LOG), "", "an installation ends nothing");
      assert.equal((await node.exec(["test", "-e", LAST_SWEEP])).status, 1);
      assert.equal(await hookLines(), 1);
      assert.match(await node.run([PAM_LINE, "check"]), /common-session/);
      const tags = await node.run(["stat", "-c", "%a %U %G", "/run/vscode-grim-reaper/tags"]);
      assert.equal(tags, "770 root vscode-grim-reaper\n");
      assert.equal(await node.run([PROGRAM, "--version"]), `${packages.version}\n`);
      await node.run([PROGRAM, "check-config"]);
      assert.equal(await node.run(["dpkg", "--verify", "vscode-grim-reaper"]).then(ownFiles), "");
    });

    it("is found by an ordinary user, whose PATH has no sbin", async () => {
      const found = await node.run(["su", "-", "alice", "-c", "echo $PATH; vscode-grim-reaper --version"]);
      assert.match(found, /^[^\n]*\/usr\/bin[^\n]*\n/);
      assert.doesNotMatch(found, /sbin/, "this PATH would find it anyway");
      assert.ok(found.endsWith(`\n${packages.version}\n`), found);
    });

    it("every key of the example is one that the program knows", async () => {
      const example = await node.read(CONFIG);
      assert.ok(example.split("\n").every((line) => line === "" || line.startsWith("#")));
      const uncommented = example
        .replace(/^#(?=[a-zA-Z[])/gm, "")
        .replaceAll('"operator", 4711', '"bob", 4711');
      await node.copyIn("/tmp/example.toml", uncommented);
      // 1: the example names files and folders that this node does not have.
      const { status, stdout, stderr } = await node.exec([PROGRAM, "check-config", "/tmp/example.toml"]);
      assert.match(stdout, /alice/, stderr);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^vscode-grim-reaper: hooks\.notify: .*ENOENT/m);
    });

    it("takes neither code nor programs from the caller's environment", async () => {
      const trap = 'require("node:fs").writeFileSync("/tmp/trapped", "")';
      await node.copyIn("/tmp/trap/trap.cjs", trap);
      await node.copyIn("/tmp/trap/node", "#!/bin/sh\ntouch /tmp/trapped\n", { mode: 0o755 });
      const env = {
        NODE_OPTIONS: "--require=/tmp/trap/trap.cjs",
        NODE_PATH: "/tmp/trap",
        NODE_EXTRA_CA_CERTS: "/tmp/trap/node",
        LD_PRELOAD: "/tmp/trap/no.so",
        LD_LIBRARY_PATH: "/tmp/trap",
        PATH: "/tmp/trap",
      };
      const trapped = async () => (await node.exec(["test", "-e", "/tmp/trapped"])).status === 0;
      const { status, stdout, stderr } = await node.exec([PROGRAM, "--version"], { env });
      assert.deepEqual([status, stdout, stderr], [0, `${packages.version}\n`, ""]);
      assert.equal(await trapped(), false);
      // The traps would have worked.
      const bare = ["/usr/bin/node", "/usr/lib/vscode-grim-reaper/vscode-grim-reaper.cjs", "--version"];
      assert.match((await node.exec(bare, { env })).stderr, /LD_PRELOAD/);
      assert.equal(await trapped(), true);
    });

    it("enforces by the site's word; prove-on-host passes, and takes away what it made", async (t) => {
      assert.match(await node.read(OBSERVE), /^enforce = false$/m);
      assert.match(await node.run([PROGRAM, "enforce"]), /From now on sweeps end orphans/);
      const before = await node.run(["ls", "/home", "/run/systemd/system", "/etc/pam.d"]);
      const script = readFileSync(join(repository(), "packaging/prove-on-host"), "utf8");
      await node.copyIn("/root/prove-on-host", script, { mode: 0o755 });
      const { status, stdout, stderr } = await node.exec(["/root/prove-on-host"], { timeoutMs: 120_000 });
      t.diagnostic(stdout);
      assert.equal(status, 0, stdout + stderr);
      assert.equal(stdout.match(/^pass /gm)?.length, 10, stdout);
      assert.equal(await node.run(["ls", "/home", "/run/systemd/system", "/etc/pam.d"]), before);
    });

    it("an upgrade keeps the configuration, the timer and one line of PAM", async () => {
      const config = await node.read(CONFIG);
      await installDeb(node, packages.nextDeb);
      const version = await node.run(["dpkg-query", "-W", "-f", `\${Version}`, "vscode-grim-reaper"]);
      assert.equal(version, `${packages.nextVersion}-1`);
      assert.equal(await node.run([PROGRAM, "--version"]), `${packages.nextVersion}\n`);
      assert.equal(await node.read(CONFIG), config);
      assert.equal((await node.exec(["test", "-e", OBSERVE])).status, 1, "an upgrade writes no mode");
      assert.deepEqual(await state(TIMER), { ActiveState: "active", UnitFileState: "enabled" });
      assert.equal(await hookLines(), 1);
      await node.run([PAM_LINE, "add"]);
      assert.equal(await hookLines(), 1, "the profile is enough");
    });

    it("an upgrade leaves a timer off that the administrator has turned off", async () => {
      await node.run(["systemctl", "disable", "--now", TIMER]);
      await installDeb(node, packages.nextDeb);
      assert.deepEqual(await state(TIMER), { ActiveState: "inactive", UnitFileState: "disabled" });
      await node.run(["systemctl", "enable", "--now", TIMER]);
    });

    it("runs in the private runtime where there is one, and says what it needs where there is none", async () => {
      await node.run(["mv", "/usr/bin/node", "/usr/bin/node.away"]);
      try {
        const without = await node.exec([PROGRAM, "--version"]);
        assert.equal(without.status, 70);
        assert.match(without.stderr, /install the package nodejs \(20\.19 or newer\) or \S+-node/);
        await installDeb(node, packages.nodeDeb);
        assert.equal(await node.run([PROGRAM, "--version"]), `${packages.nextVersion}\n`);
        // A distribution's Node beside it is not asked.
        await node.copyIn("/usr/bin/node", "#!/bin/sh\nexit 3\n", { mode: 0o755 });
        await node.run([PROGRAM, "list"]);
        await node.run(["systemctl", "start", UNIT]);
        // One that does not start is reported, not stepped over.
        await node.run(["chmod", "a-x", RUNTIME]);
        const broken = await node.exec([PROGRAM, "--version"]);
        assert.equal(broken.status, 70);
        assert.match(broken.stderr, /cannot start .*Permission denied/);
        await node.run(["chmod", "a+x", RUNTIME]);
        await dpkg(node, "--purge", "vscode-grim-reaper-node");
        // RHEL 10's and Fedora's name, beside an older /usr/bin/node.
        for (const name of ["/usr/bin/node-22", "/usr/bin/node-24"]) {
          await node.run(["cp", "/usr/bin/node.away", name]);
          assert.equal(await node.run([PROGRAM, "--version"]), `${packages.nextVersion}\n`);
          await node.run(["rm", name]);
        }
      } finally {
        await node.run(["mv", "/usr/bin/node.away", "/usr/bin/node"]);
      }
      assert.equal(await node.run([PROGRAM, "--version"]), `${packages.nextVersion}\n`);
    });

    it("a removal turns the profile off before the program goes, and edits no file of the administrator's", async () => {
      const sshd = await node.read("/etc/pam.d/sshd");
      // A unit that has failed, for the purge below.
      await configure(node, 'grase = "0"\n');
      await node.exec(["systemctl", "start", UNIT]);
      assert.equal((await state(UNIT)).ActiveState, "failed");
      await node.copyIn(METRICS, "vscode_grim_reaper_build_info 1\n");
      await configure(node, `${AT_ONCE}[metrics]\nfile = "${METRICS}"\n`);
      await dpkg(node, "--remove", "vscode-grim-reaper");
      assert.equal((await node.exec(["test", "-e", "/usr/lib/vscode-grim-reaper"])).status, 1);
      assert.equal((await node.exec(["test", "-e", METRICS])).status, 1, "nobody would write it again");
      assert.equal(await hookLines(), 0);
      assert.equal(await node.read("/etc/pam.d/sshd"), sshd);
      const client = await node.ssh("alice", ["true"]);
      assert.equal((await client.waitExit()).status, 0);
      await client.close();
      assert.doesNotMatch(await node.journal("-t", "sshd-session"), /session-close/);
      assert.equal((await state(TIMER)).ActiveState, "inactive");
      assert.match(await node.read(CONFIG), /^grace/, "a removal keeps the configuration");
      assert.equal((await node.exec(["test", "-e", LOG])).status, 0, "and the log");
    });

    it("a purge leaves nothing, also no unit that has failed", async () => {
      const rotated =
        "mkdir -p /var/lib/vscode-grim-reaper; echo old >/var/log/vscode-grim-reaper/sweep.log.1";
      await node.run(["sh", "-c", rotated]);
      await dpkg(node, "--purge", "vscode-grim-reaper");
      assert.deepEqual(await changedSince(node, untouched), { added: [], gone: [] });
      const units = await node.run(["systemctl", "list-units", "--all", "--plain"]);
      assert.doesNotMatch(units, /^vscode-grim-reaper/m);
    });
  });

  it("README's dnf command names a whole transaction for a host with the targeted policy", () => {
    const folder = temporaryFolder();
    const beside = ["-node-24.0.0-1.x86_64", `-${packages.version}-1.aarch64`];
    mkdirSync(join(folder, "build/packages"), { recursive: true });
    for (const file of [packages.rpm, packages.selinuxRpm])
      symlinkSync(file, join(folder, "build/packages", basename(file)));
    for (const name of beside)
      writeFileSync(join(folder, `build/packages/vscode-grim-reaper${name}.rpm`), "not for this host");
    const readme = readFileSync(join(repository(), "README.md"), "utf8");
    const line = /^dnf install .*$/m.exec(readme)?.[0] ?? "";
    const printed = `dnf() { shift; realpath "$@"; }; uname() { echo x86_64; }; ${line}`;
    const chosen = execFileSync("bash", ["-c", printed], { cwd: folder, encoding: "utf8" });
    assert.deepEqual(chosen.trim().split("\n"), [packages.rpm, packages.selinuxRpm]);
    const broken = (files: readonly string[]): string => rpmTest(folder, packages, files);
    assert.equal(broken([packages.rpm, packages.selinuxRpm]), "");
    // The stand-in asks for the policy's package as a host of RHEL's does.
    const needed = /vscode-grim-reaper-selinux = \S+ if selinux-policy-targeted\) is needed/;
    assert.match(broken([packages.rpm]), needed);
  });

  describe("as rpm", () => {
    let node: LoginNode;

    before(async () => {
      node = await LoginNode.boot();
    });
    after(() => node.powerOff());

    it("installs, tags by the line that the administrator adds, upgrades, and erases without a trace in PAM", async () => {
      const sshd = await node.read("/etc/pam.d/sshd");
      const active = async () => (await node.exec(["systemctl", "is-active", TIMER])).stdout.trim();
      const said = await rpm(node, packages, "--install", insideOf(packages.rpm));
      assert.equal(said, "", "scriptlets print nothing");
      assert.equal(await node.read("/etc/pam.d/sshd"), sshd, "the administrator's file");
      assert.equal(await active(), "active");
      assert.match(await node.read(OBSERVE), /^enforce = false$/m);
      assert.equal(await node.run(["systemctl", "is-enabled", TIMER]), "enabled\n");
      assert.equal(await node.run([PROGRAM, "--version"]), `${packages.version}\n`);

      await node.run([PAM_LINE, "add"]);
      await node.run([PAM_LINE, "check"]);
      const left = await startStandIn(node);
      await until(async () => assert.equal((await treeOf(node, left.pid)).tagged, true));
      await endAll(node);

      // The node has no semodule: the package's scripts go on without it, and its file comes and goes.
      const policy = "/usr/share/selinux/packages/targeted/vscode-grim-reaper.cil";
      await rpm(node, packages, "--install", insideOf(packages.selinuxRpm));
      assert.match(await node.read(policy), /vscode_grim_reaper_hook_t/);
      await rpm(node, packages, "--erase", "vscode-grim-reaper-selinux");
      assert.notEqual((await node.exec(["test", "-e", policy])).status, 0);

      await rpm(node, packages, "--install", insideOf(packages.nodeRpm));
      await node.run([PROGRAM, "list"]);
      await rpm(node, packages, "--erase", "vscode-grim-reaper-node");
      await node.run([PROGRAM, "list"]);

      const config = `grace = "1h"\n[metrics]\nfile = "${METRICS}"\n`;
      await configure(node, config);
      await rpm(node, packages, "--upgrade", insideOf(packages.nextRpm));
      assert.equal(await node.read(CONFIG), config);
      assert.equal(await node.run([PROGRAM, "--version"]), `${packages.nextVersion}\n`);
      assert.equal(await active(), "active");
      await node.run([PAM_LINE, "check"]);

      await node.copyIn(METRICS, "vscode_grim_reaper_build_info 1\n");
      await rpm(node, packages, "--erase", "vscode-grim-reaper");
      assert.equal((await node.exec(["test", "-e", METRICS])).status, 1);
      assert.equal(await active(), "inactive");
      // The line stays, as the administrator's, and its missing program fails no login.
      assert.match(await node.read("/etc/pam.d/sshd"), /session-close$/m);
      const client = await node.ssh("alice", ["echo", "in"]);
      const { status, stdout } = await client.waitExit();
      assert.deepEqual([status, stdout], [0, "in\n"]);
      await client.close();
      assert.match(await node.journal("-t", "sshd-session"), /session-close failed: exit code/);
      await node.copyIn("/etc/pam.d/sshd", sshd);
      const rest = await node.run(["find", "/usr", "/etc/systemd", "-xdev", "-name", "*grim-reaper*"]);
      assert.equal(rest, "");
    });
  });

  it("the npm package runs without scripts, dependencies or a compiler", async () => {
    const prefix = temporaryFolder();
    const env = { HOME: prefix, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
    const options = ["--global", "--prefix", prefix, "--ignore-scripts", "--offline", "--no-audit"];
    execFileSync("npm", ["install", ...options, packages.npm], { env, stdio: "pipe" });
    const program = join(prefix, "bin/vscode-grim-reaper");
    const ask = (...args: string[]) => execFileSync(program, args, { env, encoding: "utf8" });
    assert.equal(ask("--version"), `${packages.version}\n`);
    assert.equal(JSON.parse(ask("list", "--json")).schemaVersion, 1);
  });
}

onLoginNode("the packages", packaging, whyNoLoginNode() ?? whyNoPackages());

/** The node's dpkg leaves manuals and documents out; what it then misses is not a fault of the package. */
function ownFiles(verified: string): string {
  return verified
    .split("\n")
    .filter((line) => line !== "" && !/\/usr\/share\/(doc|man|locale)\//.test(line))
    .join("\n");
}

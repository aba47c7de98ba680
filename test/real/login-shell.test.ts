// The profile script in real shells: each notice once, on a terminal only.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { makeHome } from "../helpers/real.ts";
import { must, NOTICE, STATE, uid, usersSuite } from "../helpers/users-side.ts";

const PROFILE = resolve("profile/vscode-grim-reaper.sh");
const SHELLS = ["/bin/bash", "/bin/dash", "/bin/zsh", "/bin/mksh"].filter((shell) => existsSync(shell));

interface Login {
  readonly shell?: string;
  readonly tty?: boolean;
  readonly flags?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a shell that reads the profile says; with a terminal both streams are one. */
function login(
  home: string,
  { shell = "/bin/bash", tty = true, flags = "-i", env = {} }: Login = {},
): string {
  const variables = Object.entries({ HOME: home, PATH: "/usr/bin:/bin", TERM: "dumb", ...env });
  const become = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "env", "-i"];
  // The shell's own start-up files do not matter here.
  const bare = shell.endsWith("bash") ? "--norc" : shell.endsWith("zsh") ? "-f" : "";
  const command = [
    ...become,
    ...variables.map(([name, value]) => `${name}=${value}`),
    `${shell} ${bare} ${flags} -c '. ${PROFILE}; echo "end $?"'`,
  ].join(" ");
  const argv = tty ? ["script", "-qec", command, "/dev/null"] : ["sh", "-c", command];
  const { status, stdout, stderr } = spawnSync(argv[0] ?? "", argv.slice(1), {
    encoding: "utf8",
    timeout: 300_000,
    cwd: "/",
  });
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  // A shell without a terminal complains of job control by itself; the profile adds nothing to that.
  if (!tty) assert.doesNotMatch(stderr, /profile|notice|vscode/);
  return stdout.replaceAll("\r", "");
}

function putNotice(ids: readonly number[], host = "login1"): void {
  mkdirSync(`${STATE}/notices`, { recursive: true });
  for (const folder of [STATE, `${STATE}/notices`]) chmodSync(folder, 0o711);
  const notices = ids.map((id) => `> ${id}\n| ended ${id}, \\033[31m %s $HOME \`id\`\n|   Why: x\n`).join("");
  writeFileSync(NOTICE, `vscode-grim-reaper notices 1 ${host}\n${notices}= See https://x\n`);
  chmodSync(NOTICE, 0o644);
}

function shells(): void {
  const said = (id: number): string => `ended ${id}, \\033[31m %s $HOME \`id\`\n  Why: x\n`;
  const T = 1_763_952_486;

  for (const shell of SHELLS)
    test(`${shell} shows each notice once, in a terminal`, () => {
      const home = makeHome(uid);
      putNotice([T, T + 1]);
      assert.equal(login(home, { shell }), `${said(T)}${said(T + 1)}See https://x\nend 0\n`);
      assert.equal(login(home, { shell }), "end 0\n");
      putNotice([T, T + 1, T + 2]);
      assert.equal(login(home, { shell }), `${said(T + 2)}See https://x\nend 0\n`);
      assert.equal(login(home, { shell, flags: "-i -e -u -C" }), "end 0\n");
      assert.deepEqual(readdirSync(`${home}/.local/state/vscode-grim-reaper`), ["notice-seen.login1"]);
    });

  for (const shell of SHELLS)
    test(`${shell} says nothing without a terminal, or to a command`, () => {
      const home = makeHome(uid);
      putNotice([T]);
      assert.equal(login(home, { shell, tty: false }), "end 0\n");
      assert.equal(login(home, { shell, flags: "" }), "end 0\n");
      assert.equal(login(home, { shell, env: { VSCODE_RESOLVING_ENVIRONMENT: "1" } }), "end 0\n");
      assert.ok(!existsSync(`${home}/.local`), "nothing was noted as seen");
      assert.match(login(home, { shell, flags: "-i -e -u -C" }), /ended/);
    });

  test("csh shows it by way of sh", { skip: existsSync("/bin/tcsh") ? false : "no tcsh here" }, () => {
    const home = makeHome(uid);
    putNotice([T]);
    const command = `setpriv --reuid=${uid} --regid=${uid} --clear-groups env -i HOME=${home} PATH=/usr/bin:/bin sh ${PROFILE} --from-csh`;
    const show = (): string => must(["script", "-qec", command, "/dev/null"]).replaceAll("\r", "");
    assert.equal(show(), `${said(T)}See https://x\n`);
    assert.equal(show(), "");
    must(["tcsh", "-nf", resolve("profile/vscode-grim-reaper.csh")]);
  });

  test("each login node has a marker of its own in a shared home", () => {
    const home = makeHome(uid);
    putNotice([T + 5]);
    assert.match(login(home), /ended/);
    putNotice([T], "login2");
    assert.match(login(home), /ended/);
    assert.equal(login(home), "end 0\n");
  });

  test("a home that cannot be written shows it again, silently", () => {
    putNotice([T]);
    for (const home of ["/proc", "/nonexistent"]) {
      const env = { XDG_STATE_HOME: `${home}/x` };
      for (let i = 0; i < 2; i++) assert.equal(login(home, { env }), `${said(T)}See https://x\nend 0\n`);
    }
  });

  /** Made by the user in the marker's place, whose path is $0. */
  const MARKERS = [
    'mkfifo "$0"',
    'mkdir "$0"',
    ...["", "x", "-5", "1e9", "99999999999999999999999", "$(touch /run/owned)", "\\033[2J"].map(
      (text) => `printf %b '${text}' >"$0"`,
    ),
  ];
  test("what a user put in the marker's place neither hangs nor fails the login; .hushlogin holds", () => {
    putNotice([T]);
    for (const make of MARKERS) {
      const home = makeHome(uid);
      const marker = `${home}/.local/state/vscode-grim-reaper/notice-seen.login1`;
      must(["sh", "-c", `mkdir -p "\${0%/*}" && ${make}`, marker], { uid });
      assert.match(login(home), /^ended[\s\S]*end 0\n$/, make);
    }
    assert.ok(!existsSync("/run/owned"));
    const hushed = makeHome(uid);
    writeFileSync(`${hushed}/.hushlogin`, "");
    assert.equal(login(hushed), "end 0\n");
  });

  test("a file that is not a notice, or not the user's, shows nothing", () => {
    const home = makeHome(uid);
    assert.equal(login(home), "end 0\n", "no folder");
    putNotice([T], "../../etc");
    assert.equal(login(home), "end 0\n");
    putNotice([T]);
    chmodSync(NOTICE, 0o600);
    assert.equal(login(home), "end 0\n");
    rmSync(NOTICE);
    must(["mkfifo", "-m", "644", NOTICE]);
    assert.equal(login(home), "end 0\n");
  });
}

usersSuite(import.meta.url, "the login shell", shells);

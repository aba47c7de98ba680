import assert from "node:assert/strict";
import test from "node:test";
import { exeName } from "../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { recognise } from "../../../src/core/recognition/recognise.ts";
import { scanMarkers } from "../../../src/core/recognition/scan-markers.ts";
import { COMMIT, EXEC, HOME, LEGACY } from "../../helpers/proc.ts";

const catalogue = makeCatalogue();
const C = COMMIT;

/** exe, then argv in words. */
type Row = readonly [exe: string, argv: string];

const see = ([exe, argv]: Row): ReturnType<typeof recognise> =>
  recognise({ exe, argv: argv.split(" "), argvStatus: "read" }, catalogue);

const START = "--start-server --host=127.0.0.1 --port=0 --enable-remote-auto-shutdown";
const node = (root: string, rest: string): Row => [`${root}/node`, `${root}/node ${rest}`];
const server = (root: string): Row => node(root, `${root}/out/server-main.js ${START}`);

const positives: readonly (readonly [expected: string, ...Row])[] = [
  ["vscode launcher", "/usr/bin/dash", `sh ${LEGACY}/bin/code-server ${START}`],
  ["vscode server", ...server(LEGACY)],
  ["vscode server", ...server(EXEC)],
  ["vscode worker", ...node(LEGACY, `${LEGACY}/out/bootstrap-fork --type=ptyHost --logsPath /x`)],
  [
    "vscode worker",
    ...node(
      LEGACY,
      `--dns-result-order=ipv4first ${LEGACY}/out/bootstrap-fork --type=extensionHost --transformURIs`,
    ),
  ],
  [
    "vscode helper",
    ...node(LEGACY, `${LEGACY}/extensions/markdown-language-features/dist/serverWorkerMain --node-ipc`),
  ],
  ["vscode helper", `${HOME}/.vscode-server/extensions/ms-vscode.cpptools-1.9.7/bin/cpptools`, "cpptools"],
  ["vscode helper", `${LEGACY}/node_modules/@vscode/ripgrep/bin/rg`, "rg --files"],
  [
    "vscode helper",
    "/usr/bin/python3.9",
    `/usr/bin/python3 ${HOME}/.vscode-server/extensions/ms-python.python-2025/run-jedi.py`,
  ],
  [
    "vscode helper",
    "/usr/lib/jvm/bin/java",
    `java -Xmx1G -jar ${HOME}/.vscode-server/extensions/redhat.java-1/equinox.jar -x`,
  ],
  [
    "vscode cli",
    `${HOME}/.vscode-server/code-${C}`,
    `code-${C} command-shell --cli-data-dir ${HOME}/.vscode-server/cli`,
  ],
  ["vscode cli", `${HOME}/.vscode-server/code-${C}`, `code-${C} --cli-data-dir x command-shell`],
  ["vscode agent", `${HOME}/.vscode-server/code-${C}`, `code-${C} agent host --port 0`],
  ["vscode agent", "/usr/bin/dash", `sh ${EXEC}/bin/code-server --agent-host-path /tmp/code-1`],
  ["vscode tunnel", `${HOME}/.vscode-server/code-${C}`, `code-${C} tunnel --accept-server-license-terms`],
  ["vscode launcher", "/bin/sh", `sh ${HOME}/.vscode-remote/bin/${C}/server.sh --port=0`],
  [
    "vscode server",
    ...node(
      `${HOME}/.vscode-remote/bin/${C}`,
      `${HOME}/.vscode-remote/bin/${C}/out/remoteExtensionHostAgent.js --port=0`,
    ),
  ],
  [
    "vscode-insiders server",
    ...node(
      `${HOME}/.vscode-server-insiders/bin/${C}`,
      `${HOME}/.vscode-server-insiders/bin/${C}/out/vs/server/main.js --port=0`,
    ),
  ],
  // The home is a symlink: argv shows one path, the kernel the other.
  ["vscode server", `/physical/gpfs${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/server-main.js ${START}`],
  // An update removed the old version under a running server.
  ["vscode server", `${LEGACY}/node (deleted)`, `${LEGACY}/node ${LEGACY}/out/server-main.js ${START}`],
  // Cursor starts with extensions to install: --start-server makes that no one-shot.
  [
    "cursor launcher",
    "/bin/sh",
    `sh ${HOME}/.cursor-server/bin/linux-x64/${C}/bin/cursor-server ${START} --install-extension x.y`,
  ],
  ["cursor server", ...server(`${HOME}/.cursor-server/bin/linux-x64/${C}`)],
  ["cursor cli", `${HOME}/.cursor-server/cursor-${C}`, `cursor-${C} command-shell`],
  [
    "windsurf helper",
    `${HOME}/.windsurf-server/bin/${C}/extensions/windsurf/bin/language_server_linux_x64`,
    "ls --run",
  ],
  ["vscodium server", ...server(`${HOME}/.vscodium-server/bin/${C}`)],
  ["positron server", ...server(`${HOME}/.positron-server/bin/${C}`)],
  ["antigravity server", ...server(`${HOME}/.antigravity-ide-server/bin/1.2-${C}`)],
  ["trae server", ...server(`${HOME}/.trae-cn-server/bin/${C}`)],
  ["kiro server", ...server(`${HOME}/.kiro-server/bin/${C}`)],
  ["bobide launcher", "/bin/sh", `sh ${HOME}/.bobide-server/bin/${C}/bin/bobide-server ${START}`],
  ["para-code server", ...server(`${HOME}/.para-code-server/bin/${C}`)],
  ["devcontainer server", ...server(`/vscode/vscode-server/bin/linux-x64/${C}`)],
  ["unknown-fork server", ...server(`${HOME}/.brandnew-server/bin/${C}`)],
  ["unknown-fork launcher", "/bin/sh", `sh ${HOME}/.brandnew-server/bin/${C}/bin/brandnew-server ${START}`],
  ["unknown-fork server", ...server("/scratch/alice/ide")],
  [
    "zed server",
    `${HOME}/.zed_server/zed-remote-server-stable-1.2`,
    "zed-remote-server-stable-1.2 run --log-file x",
  ],
  [
    "zed relay",
    `${HOME}/.zed_server/zed-remote-server-stable-1.2`,
    ".zed_server/zed-remote-server proxy --identifier w",
  ],
  [
    "jetbrains server",
    `${HOME}/.cache/JetBrains/RemoteDev/dist/ab_idea/jbr/bin/java`,
    "java -cp x com.intellij.idea.Main serverMode",
  ],
  [
    "jetbrains launcher",
    "/bin/bash",
    `bash ${HOME}/.cache/JetBrains/RemoteDev/dist/ab_idea/bin/remote-dev-server.sh run /p`,
  ],
  [
    "tunnel tunnel",
    "/usr/local/bin/code",
    "code --verbose --cli-data-dir /h/.vscode/cli tunnel service internal-run",
  ],
  ["tunnel server", ...server(`${HOME}/.vscode/cli/servers/Stable-${C}/server`)],
  [
    "vscode server",
    "/lib64/ld-linux-x86-64.so.2",
    `ld.so --library-path /opt/glibc ${LEGACY}/node ${LEGACY}/out/server-main.js ${START}`,
  ],
];

for (const [expected, exe, argv] of positives) {
  test(`is ${expected}: ${argv.slice(0, 70)}`, () => {
    const found = see([exe, argv]);
    assert.equal(found && `${found.product} ${found.role}`, expected);
  });
}

const S = `${HOME}/.vscode-server`;
const negatives: readonly Row[] = [
  ["/usr/bin/vim", `vim ${S}/data/Machine/settings.json`],
  ["/usr/bin/emacs", "emacs server-main.js"],
  ["/usr/bin/less", `less ${S}/.cli.${C}.log`],
  ["/usr/bin/tail", `tail -f ${S}/.cli.${C}.log`],
  ["/usr/bin/tar", `tar czf x.tgz ${S}`],
  ["/usr/bin/tar", `tar -xz -C ${S}/bin/${C} --strip-components 1`],
  ["/usr/bin/rsync", `rsync -a ${S}/ newhome:`],
  ["/usr/bin/scp", `scp -r ${S} host:`],
  ["/usr/bin/du", `du -sh ${S}`],
  ["/usr/bin/ls", `ls ${S}`],
  ["/usr/bin/find", `find ${S} -mtime +30`],
  ["/usr/bin/mv", `mv ${S} /scratch/alice`],
  ["/usr/bin/rm", `rm -rf ${S}/bin/${C}`],
  ["/usr/bin/ln", `ln -s ${S} /scratch`],
  ["/usr/bin/mkdir", `mkdir -p ${LEGACY}`],
  ["/usr/bin/wget", `wget -O ${S}/vscode-server.tar.gz http://x`],
  ["/usr/bin/flock", `flock ${S}/lock true`],
  ["/usr/bin/fuser", "fuser -k /run/user/1000/server_install.lock"],
  ["/usr/bin/grep", "grep --color=auto vscode-remote"],
  ["/usr/bin/grep", "grep -- --type=extensionHost x"],
  ["/bin/sh", "sh -c grep -- --type=extensionHost x"],
  ["/bin/bash", "bash -c pgrep -af server-main.js"],
  ["/bin/bash", `bash -c ${LEGACY}/bin/code-server --start-server`],
  ["/usr/bin/pkill", `pkill -u alice -f code-${C}`],
  ["/usr/bin/xargs", "xargs kill -9"],
  ["/usr/bin/watch", "watch ps aux | grep vscode-server"],
  ["/usr/bin/strace", "strace -p 500"],
  ["/usr/bin/gdb", `gdb -p 500 ${LEGACY}/node`],
  ["/usr/bin/perf", "perf record -p 500"],
  ["/usr/bin/lsof", `lsof +D ${S}`],
  ["/usr/bin/inotifywait", `inotifywait -r ${S}`],
  ["/usr/bin/git", "git clone https://x/vscode-server"],
  ["/bin/bash", `bash ${S}/patch-grace-time.sh`],
  ["/bin/bash", "-bash"],
  ["/usr/bin/sleep", "sleep 180"],
  ["/usr/bin/node", `node ${HOME}/proj/.vscode-server/test.js`],
  ["/usr/bin/node", "node -e require('x') /out/server-main.js"],
  ["/usr/bin/node", "node -e const net = require('net') /out/server-main.js"],
  ["/usr/bin/node", `node ${HOME}/src/vscode/out/server-main.js --port 9888`],
  ["/usr/bin/node", "node /usr/lib/node_modules/pm2/lib/Daemon.js"],
  // A user's web app on the IDE's own node.
  [`${HOME}/.windsurf-server/bin/${C}/node`, `${HOME}/.windsurf-server/bin/${C}/node server.js`],
  [`${LEGACY}/node`, `${LEGACY}/node -e 1`],
  // The server used as a short command.
  ["/bin/sh", `sh ${EXEC}/bin/code-server --install-extension ms-python.python`],
  ["/bin/sh", `sh ${EXEC}/bin/code-server --version`],
  [`${EXEC}/node`, `${EXEC}/node ${EXEC}/out/server-main.js --install-extension x`],
  [`${EXEC}/node`, `${EXEC}/node ${EXEC}/out/server-main.js --list-extensions`],
  [`${S}/code-${C}`, `code-${C} --version`],
  [`${S}/code-${C}`, `code-${C} update`],
  ["/bin/sh", `sh ${LEGACY}/bin/remote-cli/code --wait .git/COMMIT_EDITMSG`],
  // The desktop editor, and its extensions.
  ["/usr/share/code/code", "/usr/share/code/code --type=zygote"],
  [
    "/usr/share/code/code",
    "code --ms-enable-electron-run-as-node /usr/share/code/resources/app/out/bootstrap-fork --type=extensionHost",
  ],
  [
    "/usr/share/code/code",
    `code --ms-enable-electron-run-as-node ${HOME}/.vscode/extensions/ms-python/server.js`,
  ],
  [
    "/usr/share/code/chrome_crashpad_handler",
    `chrome_crashpad_handler --database=${HOME}/.config/Code/Crashpad`,
  ],
  ["/usr/bin/python3.11", `python3 ${HOME}/.vscode/extensions/ms-python/run.py`],
  ["/usr/local/bin/code", "code --wait file.txt"],
  ["/usr/local/bin/code", "code tunnels.md"],
  ["/usr/bin/python3.11", `python train.py --log ${S}/x`],
  ["/usr/bin/python3.11", "python -m ipykernel_launcher --f=/run/user/1/kernel-v3ab.json"],
  ["/usr/bin/python3.11", `python -c import(${S}/extensions/x.py)`],
  [`${S}-env/bin/python`, "python x.py"],
  [`${HOME}/my-server/bin/${C}/node`, "node x.js"],
  [`${HOME}/work/redis-server`, "redis-server --port 6379"],
  ["/bin/sh", "sh /opt/kafka/bin/kafka-server --port 9092"],
  [`${HOME}/proj/.vscode-server/a.out`, "a.out"],
  ["/usr/bin/sbatch", `sbatch run.sh ${S}`],
  ["/usr/bin/srun", "srun --pty bash"],
  ["/usr/sbin/sendmail", "sendmail alice vscode-grim-reaper: ended .vscode-server"],
  ["/usr/bin/docker", "docker run -v /home/alice/.vscode-server:/x image"],
  ["/usr/bin/vscode-grim-reaper", "vscode-grim-reaper -v"],
  ["/usr/bin/vim", "vim /etc/vscode-grim-reaper/config.toml"],
  [`${HOME}/.zed_server/zed-remote-server-stable`, "zed-remote-server version"],
];

for (const row of negatives) {
  test(`is no server: ${row[1].slice(0, 80)}`, () => assert.equal(see(row), null));
}

test("what a process calls itself does not matter where its executable is read", () => {
  assert.equal(see(["/usr/bin/sleep", `${LEGACY}/node ${LEGACY}/out/server-main.js ${START}`]), null);
});

test("a process that wiped its command line is unknown on the IDE's node", () => {
  for (const argv of [[""], ["", "", ""]])
    assert.equal(recognise({ exe: `${LEGACY}/node`, argv, argvStatus: "read" }, catalogue)?.role, "unknown");
});

test("a process whose command line cannot be read is unknown on the IDE's node, and nothing elsewhere", () => {
  const unread = { argv: [], argvStatus: "timeout" as const };
  assert.equal(recognise({ exe: `${LEGACY}/node`, ...unread }, catalogue)?.role, "unknown");
  assert.equal(recognise({ exe: "/usr/bin/node", ...unread }, catalogue), null);
  assert.equal(recognise({ exe: null, ...unread }, catalogue), null);
});

test("a server by its own node alone is a web server unless it was started for a remote session", () => {
  const root = "/ide";
  assert.equal(see(node(root, `${root}/out/server-main.js --host 0.0.0.0`))?.kind, "web");
  assert.equal(see(server(root))?.kind, "ssh");
});

test("a site's patterns and directories add to the catalogue", () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "acme", exe: "/home/*/.acme/*/daemon", argv: ["--serve"] }],
    sshd: ["mysshd"],
  });
  const of = (exe: string, argv: string): string | undefined =>
    recognise({ exe, argv: argv.split(" "), argvStatus: "read" }, site)?.product;
  assert.equal(of(...server(`${HOME}/.house/ide/${C}`)), "house");
  assert.equal(of("/home/bob/.acme/ab/daemon", "daemon --serve"), "acme");
  assert.equal(of("/home/bob/.acme/ab/daemon", "daemon --bridge"), undefined);
  assert.equal(of("/home/bob/x/.acme/ab/daemon", "daemon --serve"), undefined);
  assert.ok(site.sshd.includes("mysshd"));
});

test("an executable's name loses its path and the kernel's mark of deletion", () => {
  assert.equal(exeName("/usr/lib/openssh/sshd-session (deleted)"), "sshd-session");
  assert.equal(exeName(null), "");
});

/** A path that fits a pattern. */
const filled = (pattern: string): string => pattern.replaceAll("{commit}", C).replaceAll("*", "x");

/** As the native scan does: by the whole name, without its version, or by a beginning. */
function isCalled(exe: string, names: readonly string[]): boolean {
  const name = exeName(exe);
  const bare = name.replace(/[-.]?\d+(?:\.\d+)*$/, "");
  return names.some((known) =>
    known.endsWith("*") ? name.startsWith(known.slice(0, -1)) : known === name || known === bare,
  );
}

/** As the native scan does: by the executable, or by a mark anywhere in the command line of one that may run a server. */
function isSieved({ exe, argv }: { exe: string; argv: readonly string[] }, of = catalogue): boolean {
  const { exeMarkers, kinInterpreters, kinMarkers } = scanMarkers(of);
  const line = argv.map((element) => `${element} `).join("");
  if (exeMarkers.some((mark) => exe.includes(mark))) return true;
  return isCalled(exe, kinInterpreters) && kinMarkers.some((mark) => line.includes(mark));
}

test("of a user who has a server, whatever is recognised is seen, each process by itself", () => {
  for (const [, exe, argv] of positives)
    assert.ok(isSieved({ exe, argv: argv.split(" ") }), `${exe} ${argv}`);
  assert.ok(!isSieved({ exe: "/usr/bin/bash", argv: ["-bash"] }));
  assert.ok(!isSieved({ exe: "/usr/bin/python3", argv: ["python3", "work.py"] }));
});

test("nothing that is made of a catalogue's words is recognised and not seen", () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "claude", exe: "/home/*/.claude/**/server", argv: [] }],
    sshd: [],
  });
  const { shapes, interpreters } = site;
  const folders = [
    ...site.products.flatMap(({ directories }) => directories.map(filled)),
    ...[".new-server", ".new-server-next", ".claude/remote", "bin", "opt/code"],
  ];
  const programs = [
    ...[...interpreters.shell, ...interpreters.node, ...interpreters.other, ...site.cliProducts.keys()],
    ...[
      "python3.11",
      "node-20",
      "ld-2.31.so",
      "ld.so.1",
      "server",
      "java",
      "zed-remote-server-1",
      `code-${C}`,
      "rg",
    ],
  ];
  const files = [
    ...[...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts, ...shapes.launcherScripts],
    ...shapes.launcherNames.map((name) => `bin/${name.replace("*", "code")}`),
    ...["extensions/a/b.js", "node_modules/a/rg", "node", "ld-linux.so.2", "server", `code-${C}`, "code"],
  ];
  const words = [
    ...site.cli.roles.flatMap(({ words: named = [] }) => named),
    "host",
    "run",
    "--type=ptyHost",
    "--start-server",
    "-jar",
    "-x",
  ];
  // The same numbers at each run.
  let seed = 1;
  const pick = <T>(list: readonly T[]): T => {
    seed = (seed * 48_271) % 2_147_483_647;
    return list[seed % list.length] as T;
  };
  let recognised = 0;
  for (let i = 0; i < 60_000; i++) {
    const place = `${pick(["/home/u/", "/home/u/", "/", "/usr/"])}${pick(folders)}/`;
    const exe = pick([
      `/usr/bin/${pick(programs)}`,
      `/home/u/${pick(programs)}`,
      `${place}${pick(programs)}`,
    ]);
    // What a user writes: without a slash in front, or with two between.
    const file = `${pick(["/", "", "./", "//home//"])}${pick(folders).replace("/", pick(["/", "//"]))}/${pick(files)}`;
    const argv = [
      pick([exe, "x"]),
      pick([file, pick(words)]),
      pick([file, pick(words)]),
      pick(words),
      pick(words),
    ];
    const argvStatus = pick(["read", "read", "read", "denied"] as const);
    const seen = { exe, argv: argvStatus === "read" ? argv : [], argvStatus };
    if (recognise(seen, site) === null) continue;
    recognised++;
    // A command line that could not be read is looked at more closely in any case.
    assert.ok(argvStatus !== "read" || isSieved(seen, site), `${exe} ${argv.join(" ")}`);
  }
  assert.ok(recognised > 3_000, String(recognised));
});

test("the native scan's first sieve lets through everything that is recognised", () => {
  const { exeMarkers, interpreters, argvMarkers } = scanMarkers(catalogue);
  for (const [, exe, argv] of positives) {
    const byArgv = isCalled(exe, interpreters) && argvMarkers.some((marker) => argv.includes(marker));
    // A launcher is a shell; the server below it has the telling executable.
    const isShell = isCalled(exe, catalogue.interpreters.shell);
    assert.ok(isShell || byArgv || exeMarkers.some((marker) => exe.includes(marker)), `${exe} ${argv}`);
  }
});

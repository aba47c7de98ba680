import assert from "node:assert/strict";
import test from "node:test";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { recognise } from "../../../src/core/recognition/recognise.ts";
import { scanMarkers } from "../../../src/core/recognition/scan-markers.ts";
import { isCalled, isSuspect } from "../../helpers/native-scan.ts";
import { COMMIT as C } from "../../helpers/proc.ts";
import { readProcessRows } from "../../helpers/process-rows.ts";

const catalogue = makeCatalogue();
const positives = readProcessRows().filter(({ expected }) => expected !== "-");

/** A path that fits a pattern. */
const filled = (pattern: string): string => pattern.replaceAll("{commit}", C).replaceAll("*", "x");

/** A shell is no suspect: it starts a server, which is one, and what is above a suspect is read. */
const isShell = (exe: string): boolean => isCalled(exe, catalogue.interpreters.shell);

test("whatever is recognised is a suspect, each process by itself", () => {
  const markers = scanMarkers(catalogue);
  // What counts only beside a server is never alone.
  for (const { exe, argv } of positives.filter(({ expected }) => !expected.endsWith(" if beside")))
    assert.ok(isShell(exe) || isSuspect({ exe, argv }, markers), `${exe} ${argv.join(" ")}`);
  for (const [exe, ...argv] of [
    ["/usr/bin/bash", "-bash"],
    ["/usr/bin/bash", "sh", "/home/u/.vscode-server/bin/x/server.sh"],
    ["/usr/bin/python3", "python3", "work.py"],
    ["/usr/bin/vim", "vim", "/home/u/.vscode-server/x"],
  ] as const)
    assert.ok(!isSuspect({ exe, argv }, markers), exe);
});

test("nothing that is made of a catalogue's words is recognised and not seen", () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "claude", exe: "/home/*/.claude/**/server", argv: [] }],
    sshd: [],
  });
  const { shapes, interpreters } = site;
  const markers = scanMarkers(site);
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
    const isRead = pick([true, true, true, false]);
    const seen = { exe, argv: isRead ? argv : [] };
    if (isShell(exe) || recognise(seen, site) === null) continue;
    recognised++;
    // A command line that could not be read is looked at more closely in any case.
    assert.ok(!isRead || isSuspect(seen, markers), `${exe} ${argv.join(" ")}`);
  }
  assert.ok(recognised > 3_000, String(recognised));
});

test("what lies in a product's folder or fits a site's pattern shows by its executable, whatever it is called", () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "acme", exe: "/opt/acme-*/daemon", argv: [] }],
    sshd: [],
  });
  const markers = scanMarkers(site);
  const folders = site.products.flatMap(({ directories }) => directories.map(filled));
  for (const exe of [...folders.map((folder) => `/home/u/${folder}/a.out`), "/opt/acme-2/daemon"])
    assert.ok(isSuspect({ exe, argv: [] }, markers), exe);
});

test("no mark holds another or stands twice, and the ssh servers are the catalogue's", () => {
  const { exeMarkers, argvMarkers, sshdNames } = scanMarkers(catalogue);
  for (const marks of [exeMarkers, argvMarkers])
    for (const [i, mark] of marks.entries())
      assert.ok(!marks.some((other, j) => i !== j && mark.includes(other)), mark);
  assert.deepEqual(sshdNames, catalogue.sshd);
});

test("a site's pattern that holds no text leaves no empty mark, and every other mark as it is", () => {
  const patterns = [{ product: "acme", exe: "**", argv: ["--acme"] }];
  const site = makeCatalogue({ directories: [], patterns, sshd: [] });
  assert.deepEqual(scanMarkers(site), scanMarkers(catalogue));
});

test("no mark is so short that ordinary programs have it", () => {
  const { exeMarkers, argvMarkers } = scanMarkers(catalogue);
  for (const exe of ["/usr/bin/bash", "/usr/bin/python3.11", "/usr/lib/systemd/systemd", "/opt/app/bin/node"])
    for (const marker of exeMarkers) assert.ok(!exe.includes(marker), `${marker} in ${exe}`);
  for (const line of [
    ...["python3 /usr/local/bin/work.py", "node /opt/app/bin/start.js", "java -jar app.jar", "node index.js"],
    ...["/home/u/.pyenv/versions/3.12/bin/python benchmark.py", "java -cp spark-core.jar Main"],
  ])
    for (const marker of argvMarkers) assert.ok(!line.includes(marker), `${marker} in ${line}`);
});

import assert from "node:assert/strict";
import test from "node:test";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { recognise } from "../../../src/core/recognition/recognise.ts";
import { scanMarkers } from "../../../src/core/recognition/scan-markers.ts";
import { isCalled, isSieved } from "../../helpers/native-scan.ts";
import { COMMIT as C } from "../../helpers/proc.ts";
import { readProcessRows } from "../../helpers/process-rows.ts";

const catalogue = makeCatalogue();
const positives = readProcessRows().filter(({ expected }) => expected !== "-");

/** A path that fits a pattern. */
const filled = (pattern: string): string => pattern.replaceAll("{commit}", C).replaceAll("*", "x");

test("of a user who has a server, whatever is recognised is seen, each process by itself", () => {
  const markers = scanMarkers(catalogue);
  for (const { exe, argv } of positives)
    assert.ok(isSieved({ exe, argv }, markers), `${exe} ${argv.join(" ")}`);
  assert.ok(!isSieved({ exe: "/usr/bin/bash", argv: ["-bash"] }, markers));
  assert.ok(!isSieved({ exe: "/usr/bin/python3", argv: ["python3", "work.py"] }, markers));
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
    const argvStatus = pick(["read", "read", "read", "denied"] as const);
    const seen = { exe, argv: argvStatus === "read" ? argv : [], argvStatus };
    if (recognise(seen, site) === null) continue;
    recognised++;
    // A command line that could not be read is looked at more closely in any case.
    assert.ok(argvStatus !== "read" || isSieved(seen, markers), `${exe} ${argv.join(" ")}`);
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
    assert.ok(isSieved({ exe, argv: [] }, markers), exe);
});

/** Shown to the first sieve only by what is above or below: an exempt tunnel from a folder of the user's own. */
const BARE_CLI = /\/(?:code|cursor|codium|windsurf|positron|cursor-tunnel)$/;

test("the native scan's first sieve lets through everything that is recognised", () => {
  const { exeMarkers, interpreters, argvMarkers } = scanMarkers(catalogue);
  for (const { exe, argv } of positives) {
    const line = argv.join(" ");
    const byArgv = isCalled(exe, interpreters) && argvMarkers.some((marker) => line.includes(marker));
    // A launcher is a shell; the server below it has an executable or a script that shows.
    const isShell = isCalled(exe, catalogue.interpreters.shell);
    const byExe = exeMarkers.some((marker) => exe.includes(marker));
    assert.ok(isShell || byArgv || byExe || BARE_CLI.test(exe), `${exe} ${line}`);
  }
});

test("no mark holds another or stands twice, and the ssh servers are the catalogue's", () => {
  const { exeMarkers, argvMarkers, wideMarkers, sshdNames } = scanMarkers(catalogue);
  for (const marks of [exeMarkers, argvMarkers, wideMarkers])
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
  const { exeMarkers, argvMarkers, wideMarkers } = scanMarkers(catalogue);
  for (const exe of ["/usr/bin/bash", "/usr/bin/python3.11", "/usr/lib/systemd/systemd", "/opt/app/bin/node"])
    for (const marker of exeMarkers) assert.ok(!exe.includes(marker), `${marker} in ${exe}`);
  for (const line of [
    "python3 work.py",
    "node /usr/lib/node_modules/npm/bin/npm-cli.js install",
    "java -jar app.jar",
  ])
    for (const marker of argvMarkers) assert.ok(!line.includes(marker), `${marker} in ${line}`);
  for (const line of ["python3 /usr/local/bin/work.py", "java -jar app.jar", "sh /opt/app/bin/start"])
    for (const marker of wideMarkers) assert.ok(!line.includes(marker), `${marker} in ${line}`);
});

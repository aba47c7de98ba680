import assert from "node:assert/strict";
import test from "node:test";
import { exeName } from "../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { recognise } from "../../../src/core/recognition/recognise.ts";
import { COMMIT as C, HOME, LEGACY } from "../../helpers/proc.ts";
import { readProcessRows, START } from "../../helpers/process-rows.ts";

const catalogue = makeCatalogue();
const see = (exe: string, argv: string): ReturnType<typeof recognise> =>
  recognise({ exe, argv: argv.split(" ") }, catalogue);

for (const { expected, exe, argv } of readProcessRows()) {
  test(
    `${expected === "-" ? "is not part of a server" : `is ${expected}`}: ${exe} ${argv.join(" ")}`.slice(
      0,
      160,
    ),
    () => {
      const found = recognise({ exe, argv }, catalogue);
      const where = found?.left ? " if left" : found?.beside ? " if beside" : "";
      assert.equal(found ? `${found.product} ${found.role} ${found.kind}${where}` : "-", expected);
    },
  );
}

test("what a process calls itself does not matter where its executable is read", () => {
  assert.equal(see("/usr/bin/sleep", `${LEGACY}/node ${LEGACY}/out/server-main.js ${START}`), null);
});

test("the script names the product, also where it runs on the node of another one's installation", () => {
  const cursor = `${HOME}/.cursor-server/bin/${C}/node`;
  assert.equal(see(cursor, `${cursor} ${LEGACY}/out/server-main.js ${START}`)?.product, "vscode");
});

test("a whole command line is not taken for the beginning of another one", () => {
  assert.equal(see("/bin/sh", "sh /home/alice/.local/bin/codex app"), null);
});

test("a process that calls itself by an option of java's is read like any other", () => {
  const jar = `${HOME}/.vscode-server/extensions/redhat.java-1.30.0/server.jar`;
  assert.equal(see("/usr/bin/java", `-jar -Xmx1g ${jar}`)?.role, "helper");
  assert.equal(see("/usr/bin/java", `java -Xmx1g -jar ${jar}`)?.role, "helper");
});

test("an empty argument among others is not a wiped command line", () => {
  const argv = [`${LEGACY}/node`, `${LEGACY}/out/server-main.js`, "", "--start-server"];
  assert.equal(recognise({ exe: `${LEGACY}/node`, argv }, catalogue)?.role, "server");
});

test("a process that wiped its command line is unknown on the IDE's node", () => {
  for (const argv of [[""], ["", "", ""]])
    assert.equal(recognise({ exe: `${LEGACY}/node`, argv }, catalogue)?.role, "unknown");
});

/** An executable whose command line could not be read, and the role that its path alone leaves. */
const unread: readonly (readonly [exe: string | null, role: string | undefined])[] = [
  [`${LEGACY}/node`, "unknown"],
  [`/scratch/a/vs/bin/${C}/node`, "unknown"],
  [`${HOME}/.vscode-server/code-${C}`, "unknown"],
  [`${HOME}/.vscode-server/code`, "unknown"],
  [`/scratch/a/vs/code-${C}`, "unknown"],
  [`${HOME}/.brandnew-server/brandnew-${C}`, "unknown"],
  [`${HOME}/.zed_server/zed-remote-server-stable`, "unknown"],
  [`${HOME}/.claude/remote/server`, "unknown"],
  [`${HOME}/.claude/remote/ccd-cli/2.1.142`, "agent"],
  [`${HOME}/.cache/JetBrains/RemoteDev/dist/a/jbr/bin/java`, "server"],
  [`${HOME}/.vscode-server/extensions/a.b-1.0.0/bin/tool`, "helper"],
  // People run these by hand, or anything else lies there.
  ["/usr/local/bin/codex", undefined],
  [`${HOME}/.local/share/JetBrains/Toolbox/apps/idea/jbr/bin/java`, undefined],
  ["/usr/share/code/code", undefined],
  [`${HOME}/.proxy-server/node`, undefined],
  [`${HOME}/.proxy-server/proxy`, undefined],
  ["/usr/bin/node", undefined],
  ["/bin/sh", undefined],
  ["/usr/bin/python3", undefined],
  ["/lib64/ld-linux-x86-64.so.2", undefined],
  [null, undefined],
];

for (const [exe, role] of unread) {
  test(`with its command line unread, ${exe} is ${role ?? "not part of a server"}`, () => {
    assert.equal(recognise({ exe, argv: [] }, catalogue)?.role, role);
  });
}

test("a site's patterns and directories add to the catalogue", () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "acme", exe: "/home/*/.acme/*/daemon", argv: ["--serve", "--all"] }],
    sshd: ["mysshd"],
  });
  const of = (exe: string, argv: string): string | undefined =>
    recognise({ exe, argv: argv.split(" ") }, site)?.product;
  const root = `${HOME}/.house/ide/${C}`;
  assert.equal(of(`${root}/node`, `${root}/node ${root}/out/server-main.js ${START}`), "house");
  assert.equal(of("/home/bob/.acme/ab/daemon", "daemon --all --serve"), "acme");
  assert.equal(of("/home/bob/.acme/ab/daemon", "daemon --serve"), undefined);
  assert.equal(of("/home/bob/.acme/ab/daemon", "daemon --serve-all"), undefined);
  assert.equal(of("/home/bob/x/.acme/ab/daemon", "daemon --all --serve"), undefined);
  assert.ok(site.sshd.includes("mysshd"));
  const own = { product: "tunnel", exe: "/opt/tunnel", argv: [] };
  const tunnels = makeCatalogue({ directories: [], patterns: [own], sshd: [] });
  assert.equal(recognise({ exe: "/opt/tunnel", argv: ["x"] }, tunnels)?.kind, "tunnel");
  const none = makeCatalogue({ directories: [{ product: "acme", directory: "/" }], patterns: [], sshd: [] });
  const argv = ["node", "/home/bob/web/out/server-main.js"];
  assert.equal(recognise({ exe: "/usr/bin/node", argv }, none), null);
});

test("a helper that leads a process group of its own within a session is a job that an interactive shell started", () => {
  const exe = `${HOME}/.vscode-server/extensions/julialang.language-julia-1.0.0/julia`;
  const role = (pid: number, pgid: number, sid: number): string | undefined =>
    recognise({ exe, argv: ["julia"], pid, pgid, sid }, catalogue)?.role;
  assert.equal(role(500, 500, 400), undefined);
  // A child of the extension host stays in its group, or is given a session.
  assert.equal(role(500, 400, 400), "helper");
  assert.equal(role(500, 500, 500), "helper");
  // A session of another pid namespace is one that the server did not make.
  assert.equal(role(500, 500, 0), undefined);
  // A listing shows neither.
  assert.equal(role(500, 0, 0), "helper");
});

test("an executable's name loses its path and the kernel's mark of deletion", () => {
  assert.equal(exeName("/usr/lib/openssh/sshd-session (deleted)"), "sshd-session");
  assert.equal(exeName(null), "");
});

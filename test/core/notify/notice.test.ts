/** Notices: what a user reads at the next login, and the file that keeps it. */

import assert from "node:assert/strict";
import test from "node:test";
import { type NoticeFile, noticeFile, noticeLines } from "../../../src/core/notify/notice.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import type { Outcome } from "../../../src/core/reap/outcome.ts";
import { localMinute } from "../../../src/core/text/format.ts";
import { programsInTerminals } from "../../../src/core/tree/terminal-programs.ts";
import { contextFor, judgeOne } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import { HOME, legacyTree, observation, proc } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const CONTEXT = { observation: observation([]), now: NOW, policy: NO_GRACE };

const FIRST = "vscode-grim-reaper notices 1 login1";
const made = (more: Partial<NoticeFile>): string =>
  noticeFile({ host: "login1", before: "", added: [], site: "", now: NOW, days: 14, ...more });

const ESC = String.fromCharCode(27);

function outcome(processes: readonly Proc[], init: Partial<Observation> = {}): Outcome {
  const judgement = judgeOne(observation(processes, init), contextFor(NO_GRACE));
  return { judgement, killed: judgement.tree.members, survivors: [], spared: null };
}

/** A tree whose terminal runs these. It was started by hand in another one, and an extension of it runs clangd. */
function withTerminals(...names: readonly string[]): Proc[] {
  const tree = legacyTree(500, { tty: 34817, comm: "node" });
  const shell = { ...(tree[5] as Proc), tty: 34816, comm: "bash" };
  const programs = names.map((comm, i) => proc({ pid: 600 + i, ppid: 505, tty: 34816, comm }));
  return [...tree.slice(0, 5), shell, ...programs, proc({ pid: 520, ppid: 502, sid: 500, comm: "clangd" })];
}

test("a notice says what was stopped, when and why, what was lost, and what to do", () => {
  const lines = noticeLines(outcome(withTerminals("python3", "make", "make")), CONTEXT);
  assert.deepEqual(lines, [
    `Your VS Code server on login1 was stopped at ${localMinute(NOW)}: it had been unused for 0s (limit 0s).`,
    "  Saved files are safe; programs in its terminals were ended: bash, make, python3.",
    "  To keep a server longer next time: vscode-grim-reaper keep 8h",
  ]);
  const judged = outcome(legacyTree(500));
  const part = { ...judged, survivors: judged.killed.slice(0, 2), killed: judged.killed.slice(2) };
  assert.match(noticeLines(part, CONTEXT)[0] ?? "", /\(limit 0s\); 2 processes could not be ended\.$/);
});

test("a notice names the command that continues a session, where the catalogue knows one", () => {
  const agent = (path: string, argv: string): Outcome => {
    const startTime = 7;
    const cpu = { at: 0, rows: [[500, startTime, 0] as const] };
    const states = [{ pid: 500, startTime, uid: 2001, usedAt: null, orphanAt: 0, cpu }];
    const process = { ...proc({ pid: 500, exe: `${HOME}/${path}`, argv, startTime }), cpuTicks: 0 };
    const ended = outcome([process], { states });
    assert.equal(ended.judgement.verdict, "reap");
    return ended;
  };
  const codex = agent(".codex/packages/standalone/current/codex", "codex app-server --listen unix://");
  const claude = agent(".claude/remote/server", "server --serve --socket x");
  const saying = (one: Outcome): string | undefined => noticeLines(one, CONTEXT)[2];
  assert.equal(saying(codex), "  To continue: codex resume");
  assert.equal(saying(claude), "  To continue: claude --resume");
  assert.doesNotMatch(noticeLines(outcome(legacyTree(500)), CONTEXT).join("\n"), /To continue/);
});

test("what a user calls their programs cannot act on their terminal, forge a line or fill it", () => {
  const names = [`${ESC}[2J`, "a\n> 99999999999", "x\u202eevil", "API_TOKEN=hunter2", "y".repeat(9999)];
  const tree = withTerminals(...names, ...Array.from({ length: 60 }, (_, i) => `p${i}`));
  const hostile = outcome(tree);
  const lines = noticeLines(hostile, CONTEXT);
  assert.equal(lines.length, 3);
  for (const line of lines) {
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.ok(Array.from(line).length <= 240);
  }
  assert.doesNotMatch(lines.join(), /hunter2/);
  const file = made({ added: [lines], site: "a\n\nb" });
  const shown = lines.map((line) => `| ${line}`);
  assert.deepEqual(file.split("\n"), [FIRST, `> ${NOW / 1000}`, ...shown, "= a", "= b", ""]);
  assert.equal(made({ before: file, site: "a\n\nb" }), file);
  assert.equal(programsInTerminals(hostile.judgement.tree).length, 32);
});

test("notices wait in order, each later one with a greater number, and not for ever", () => {
  const DAY = 24 * HOUR;
  const SECONDS = NOW / 1000;
  const idsIn = (file: string): number[] => [...file.matchAll(/^> (\d+)$/gm)].map(([, id]) => Number(id));
  const first = made({ added: [["a"], ["b"]] });
  assert.deepEqual(idsIn(first), [SECONDS, SECONDS + 1]);
  // The clock was set back: the new one still comes after those that were shown.
  const next = made({ before: first, added: [["c"]], now: NOW - DAY });
  assert.deepEqual(idsIn(next), [SECONDS, SECONDS + 1, SECONDS + 2]);
  const late = made({ before: first, added: [["d"]], now: NOW + 15 * DAY });
  assert.equal(late, `${FIRST}\n> ${SECONDS + 15 * 86_400}\n| d\n`);
  const many = made({ added: Array.from({ length: 50 }, (_, i) => [String(i)]) });
  assert.equal(idsIn(many).length, 20);
  assert.match(many, new RegExp(`\\n> ${SECONDS + 49}\\n\\| 49\\n$`));
});

test("a file of another form holds no notices", () => {
  for (const before of ["", "x", "vscode-grim-reaper notices 1 h\n| a\n= b\n", "| a\n"])
    assert.equal(made({ before }), `${FIRST}\n`);
});

test("the host's name is fit for a file's name", () => {
  for (const [host, name] of [
    ["../a b", "_a_b"],
    [".-login1", "login1"],
    ["", "localhost"],
  ] as const)
    assert.equal(made({ host }), `vscode-grim-reaper notices 1 ${name}\n`);
});

import assert from "node:assert/strict";
import test from "node:test";
import { viewOf } from "../../../../src/core/tree/host-view.ts";
import { plain } from "../../../../src/tools/core/text/shown.ts";
import { explainLines } from "../../../../src/tools/core/views/explain-view.ts";
import { hintsOf, whatWouldChange } from "../../../../src/tools/core/views/hints.ts";
import { asSeen } from "../../../../src/tools/core/views/observer.ts";
import { DEFAULT_POLICY } from "../../../helpers/policy.ts";
import { ALICE, accepted, legacyTree, linked, observation, sshSession } from "../../../helpers/proc.ts";
import { judged, tag } from "../../../helpers/tagged.ts";

const tree = legacyTree(500);

const shown = { change: "", hints: [], fileWatches: 7000 };

test("explain says what the tree costs", () => {
  const seen = observation(tree.map((one) => ({ ...one, cpuTicks: 1500 })));
  const costs = (more: object): string =>
    explainLines(judged(seen), seen, 505, { ...shown, ...more }, plain).join("\n");
  assert.match(costs({}), /^Costs {4}1m30s of CPU time, 6 threads, 7000 file watches$/m);
  assert.doesNotMatch(costs({ fileWatches: null }), /watch/);
});

test("explain names the connection, the hints, and what would change the verdict", () => {
  const seen = observation([...sshSession(300, ALICE, { auditSession: 9 }), ...tree], {
    connections: linked(accepted(502, 301)),
    tags: [tag],
  });
  const judgement = judged(seen);
  const hints = hintsOf(judgement, viewOf(seen, DEFAULT_POLICY.catalogue));
  const change = whatWouldChange(judgement, true);
  const text = explainLines(judgement, seen, 505, { ...shown, hints, change }, plain).join("\n");
  assert.match(text, /^Process 505 belongs to the tree of 500: vscode, uid 2001, 6 processes, 6 MiB/);
  assert.match(text, /Verdict {2}spare\n +in use: session sshd-session 301\n/);
  assert.match(text, /session +no +no ssh server of audit session 7 is alive; a later session may still use/);
  assert.match(text, /tagged +yes +a session from laptop\\x1b\[2J\.example\.org closed 30m ago/);
  assert.match(text, /It ends as an orphan once no client reaches it and the grace has passed\.$/);
});

test("what would change an exemption names the flags, or that nothing does", () => {
  const job = observation(legacyTree(500, { cgroups: ["/slurm/uid_2001/job_7"] }));
  assert.equal(whatWouldChange(judged(job), true), "Only --force with --include-jobs reaps it.");
  const root = observation(legacyTree(500, { uid: 0, uids: [0, 0, 0, 0] }));
  assert.match(whatWouldChange(judged(root), true), /^Nothing: it is never reaped/);
});

test("what will be ended is only said of a site that enforces", () => {
  const wait = { ...judged(observation(tree)), verdict: "wait" } as const;
  assert.match(whatWouldChange(wait, true), /will end it\.$/);
  assert.match(whatWouldChange(wait, false), /would end it, but sweeps only observe here/);
  const reap = { ...wait, verdict: "reap" } as const;
  assert.match(whatWouldChange(reap, true), /^The next sweep ends it;/);
  assert.match(whatWouldChange(reap, false), /^The next sweep would end it, but sweeps only observe here/);
});

test("explain shows the processes of the tree, each below its parent", () => {
  const seen = observation(tree);
  const text = explainLines(judged(seen), seen, 500, shown, plain).join("\n");
  assert.match(text, /Its processes\n {2}500 +1 MiB {2}sh .*\n {2}501 +1 MiB {4}/);
});

test("without root, the absence of a client is not shown as a fact", () => {
  const counts = { listed: 90, read: 6, gone: 0, denied: 84, malformed: 0, timedOut: 0 };
  const shownTo = (denied: number): string => {
    const seen = observation(tree, { observerUid: ALICE, counts: { ...counts, denied } });
    return explainLines(asSeen(judged(seen), seen), seen, 500, shown, plain).join("\n");
  };
  assert.match(shownTo(84), /Verdict {2}unknown\n +only root can tell whether it is in use/);
  assert.doesNotMatch(shownTo(84), /^ {2}(?:ancestor|client) +no /m);
  assert.match(shownTo(0), /Verdict {2}reap/);
});

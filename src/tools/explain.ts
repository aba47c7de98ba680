/** `explain PID`: shows every fact about one tree, the rule that decided, and what would change the verdict. */

import { statSync } from "node:fs";
import { type Common, noTree, print, printJson, requestFor, thisHost } from "../commands/shared.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { treeDocument } from "../core/report/json.ts";
import type { HostView } from "../core/tree/host-view.ts";
import { usersOf } from "../core/tree/tree.ts";
import type { Judgement } from "../core/verdict/judge.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT } from "../shell/failure.ts";
import { readConnections } from "../shell/read-host.ts";
import type { Ports } from "../sweep/ports.ts";
import { observeAndJudge } from "../sweep/sweep.ts";
import { explainLines } from "./core/views/explain-view.ts";
import { hintsOf, whatWouldChange } from "./core/views/hints.ts";
import { asSeen } from "./core/views/observer.ts";
import { pathTo } from "./core/views/path.ts";
import { CONFIG, commandOf, JSON_OPTION, pidArgument } from "./options.ts";
import { countWatches } from "./shell/file-watches.ts";
import { painter } from "./shell/terminal.ts";

async function explain(pid: number, options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const asked = requestFor(policy, options, { pids: [pid] });
  const owner = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  const request = { ...asked, uids: asked.uids ?? (owner === undefined ? [] : [owner]) };
  // A program between a client and the tree is a process of the tree's user; no other command reads those.
  const ports = thisHost();
  const { view, observation, judgements } = await observeAndJudge(ports, request, "all");
  const [found] = judgements;
  if (!found) throw noTree([pid]);
  const judgement = asSeen(found, observation);
  const { tree, verdict } = judgement;
  const change =
    verdict === found.verdict
      ? whatWouldChange(judgement, policy.enforce)
      : "Ask an administrator, or end it yourself: vscode-grim-reaper end";
  const shown = {
    hints: hintsOf(judgement, view),
    fileWatches: countWatches(tree.members),
    path: await findPath(ports, judgement, view, policy.catalogue),
    change,
  };
  if (options.json) printJson({ schemaVersion: 1, ...treeDocument(judgement, observation), ...shown });
  else print(explainLines(judgement, observation, pid, shown, painter()).join("\n"));
  return EXIT.ok;
}

/** Reads the connections of all processes of the tree's user, and finds the host or session behind the tree's client. */
async function findPath(
  { native }: Pick<Ports, "native">,
  { tree, facts }: Judgement,
  view: HostView,
  catalogue: Catalogue,
): Promise<string | null> {
  if (facts.every(({ value }) => value !== "yes")) return null;
  const { observation, sshd } = view;
  const users = usersOf(tree);
  const near = observation.processes.filter(({ uid }) => users.includes(uid));
  const pids = [...near, ...sshd.genuine.values(), ...sshd.sessions.values()].map(({ pid }) => pid);
  const asked = await readConnections(native, [...new Set(pids)]);
  return pathTo(tree, view, asked?.connections ?? [], catalogue);
}

export const explainCommand = commandOf(
  "explain",
  "show every fact about one tree, the rule that decided, and what would change the verdict",
  explain,
)
  .argument("<pid>", "any process of the tree", pidArgument)
  .addOption(JSON_OPTION)
  .addOption(CONFIG);

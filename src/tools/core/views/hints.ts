/** Finds the facts that explain a tree but never decide, and what would change its verdict. */

import type { Fact } from "../../../core/evidence/evidence.ts";
import { ageOf } from "../../../core/observation/observation.ts";
import { exeName } from "../../../core/observation/process.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import type { HostView } from "../../../core/tree/host-view.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";
import type { Answer } from "../text/shown.ts";

const yesNo = (value: boolean): Fact["value"] => (value ? "yes" : "no");

/** Makes the hints that `explain` shows. */
export function hintsOf(
  judgement: Judgement,
  { observation, sshd: { genuine, impostors } }: HostView,
  logind: Answer<string> | null,
): Fact[] {
  const { root } = judgement.tree;
  const mine = impostors.filter((process) => process.uid === root.uid);
  const age = formatDuration(ageOf(root, observation));
  const { tag } = judgement.clock;
  const from = tag?.remoteHost ? ` from ${tag.remoteHost}` : "";
  const hints: Fact[] = [
    sessionHint(judgement, [...genuine.values()]),
    scopeHint(judgement, logind),
    {
      fact: "adopted",
      value: yesNo(root.ppid === 1),
      detail: `parent of ${root.pid} is ${root.ppid}; pid 1 may also adopt a server that is in use`,
    },
    { fact: "age", value: "yes", detail: `${root.pid} started ${age} ago` },
    {
      fact: "tagged",
      value: yesNo(tag !== null),
      detail: tag
        ? `a session${from} closed ${formatDuration(observation.uptime - tag.closedUptime)} ago and left it behind`
        : "no session of its user closed since it was last seen in use",
    },
  ];
  if (mine.length > 0) {
    const names = mine.map((process) => `${exeName(process.exe)} ${process.pid}`).join(", ");
    hints.push({
      fact: "impostor",
      value: "yes",
      detail: `${names}: not an ssh server of this host, not counted`,
    });
  }
  return hints;
}

function sessionHint(
  { tree }: Judgement,
  sshd: readonly { auditSession: number | null; pid: number }[],
): Fact {
  const id = tree.root.auditSession;
  if (id === null) return { fact: "session", value: "unknown", detail: "no audit session id" };
  const server = sshd.find((process) => process.auditSession === id);
  return {
    fact: "session",
    value: yesNo(server !== undefined),
    detail: server
      ? `the ssh server ${server.pid} of audit session ${id} is alive`
      : `no ssh server of audit session ${id} is alive; a later session may still use the tree`,
  };
}

/** Finds the session scope of a process: "session-42.scope", or null. */
export function scopeOf(cgroups: readonly string[] | null): string | null {
  for (const path of cgroups ?? []) {
    const scope = path.split("/").find((part) => /^session-[\w.-]+\.scope$/.test(part));
    if (scope) return scope;
  }
  return null;
}

function scopeHint({ tree }: Judgement, logind: Answer<string> | null): Fact {
  const scope = scopeOf(tree.root.cgroups);
  if (scope === null) return { fact: "scope", value: "unknown", detail: "in no session scope" };
  const hint = (value: Fact["value"], detail: string): Fact => ({ fact: "scope", value, detail });
  if (logind === null || "failed" in logind)
    return hint("unknown", `${scope}: ${logind?.failed ?? "logind was not asked"}`);
  return hint(yesNo(logind.value === "active"), `${scope} is ${logind.value}`);
}

/** Says in one sentence what would change the verdict; `enforcing`: sweeps end orphans here. */
export function whatWouldChange(judgement: Judgement, enforcing: boolean): string {
  const { verdict, endsIn, exemptions } = judgement;
  switch (verdict) {
    case "spare":
      return "It ends as an orphan once no client reaches it and the grace has passed.";
    case "wait":
      return `A client that connects spares it; otherwise the first sweep in ${formatDuration(endsIn ?? 0)} or later ${enforcing ? "will end it" : "would end it, but sweeps only observe here (enforce = false)"}.`;
    case "reap":
      return enforcing
        ? "The next sweep ends it; a client that connects before that spares it."
        : "The next sweep would end it, but sweeps only observe here (enforce = false).";
    case "exempt": {
      const flags = [...new Set(exemptions.map(({ liftedBy }) => liftedBy))];
      if (flags.includes(null)) return "Nothing: it is never reaped, not even with --force.";
      return `Only --force with ${flags.join(" and ")} reaps it.`;
    }
    case "unknown":
      return "Read the missing fact (as root, with the process awake), or use --force.";
  }
}

/** Facts that explain and never decide, and what would change a verdict. */

import type { Fact, Value } from "../evidence/evidence.ts";
import type { HostView } from "../evidence/host-view.ts";
import { ageOf, type Observation, type Tag } from "../observation/observation.ts";
import { exeName } from "../observation/process.ts";
import { formatDuration } from "../text/duration.ts";
import { countOf } from "../text/format.ts";
import type { Judgement } from "../verdict/judge.ts";

/** logind's word on a session; null state: it could not be asked, which is not the same as gone. */
export interface LogindHint {
  readonly session: string;
  readonly state: string | null;
  readonly detail: string;
}

const yesNo = (value: boolean): Value => (value ? "yes" : "no");

export function hintsOf(
  judgement: Judgement,
  { observation, sshd: { genuine, impostors } }: HostView,
  logind: LogindHint | null,
): Fact[] {
  const { root } = judgement.tree;
  const mine = impostors.filter((process) => process.uid === root.uid);
  const age = formatDuration(ageOf(root, observation));
  const hints: Fact[] = [
    sessionHint(judgement, [...genuine.values()]),
    scopeHint(judgement, logind),
    {
      fact: "adopted",
      value: yesNo(root.ppid === 1),
      detail: `parent of ${root.pid} is ${root.ppid}; a live server may well be adopted by pid 1`,
    },
    { fact: "age", value: "yes", detail: `${root.pid} started ${age} ago` },
    {
      fact: "tagged",
      value: yesNo(judgement.tag !== null),
      detail: judgement.tag
        ? `a session${from(judgement.tag)} closed ${formatDuration(judgement.orphanedFor ?? 0)} ago and left it behind`
        : "no closed session is on record, so since when it is an orphan is not known",
    },
  ];
  hints.push(...elsewhereHint(root.uid, observation));
  if (mine.length > 0) {
    const names = mine.map((process) => `${exeName(process.exe)} ${process.pid}`).join(", ");
    hints.push({
      fact: "impostor",
      value: "yes",
      detail: `${names}: not the host's ssh server, not counted`,
    });
  }
  return hints;
}

/** No line where no other node is asked. */
function elsewhereHint(uid: number, { elsewhere, takenAt }: Observation): Fact[] {
  if (elsewhere === undefined) return [];
  const ago = (then: number): string => `${formatDuration(takenAt - then)} ago`;
  const nodes = elsewhere
    .filter((one) => one.uid === uid)
    .map(
      ({ host, trees, since, seenAt }) =>
        `attached on ${host} (${countOf(trees, "tree")}, newest connection ${ago(since)}, seen ${ago(seenAt)})`,
    );
  const detail = nodes.join(", ") || "no other login node tells of a client of this user";
  return [{ fact: "elsewhere", value: yesNo(nodes.length > 0), detail }];
}

function from(tag: Tag): string {
  return tag.remoteHost === null ? "" : ` from ${tag.remoteHost}`;
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
      : `no ssh server of audit session ${id} is alive; a later session may use the tree all the same`,
  };
}

/** The session scope a process is in: "session-42.scope", or null. */
export function scopeOf(cgroups: readonly string[] | null): string | null {
  for (const path of cgroups ?? []) {
    const scope = path.split("/").find((part) => /^session-[\w.-]+\.scope$/.test(part));
    if (scope) return scope;
  }
  return null;
}

function scopeHint({ tree }: Judgement, logind: LogindHint | null): Fact {
  const scope = scopeOf(tree.root.cgroups);
  if (scope === null) return { fact: "scope", value: "unknown", detail: "in no session scope" };
  if (!logind || logind.state === null)
    return {
      fact: "scope",
      value: "unknown",
      detail: `${scope}: ${logind?.detail ?? "logind was not asked"}`,
    };
  return { fact: "scope", value: yesNo(logind.state === "active"), detail: `${scope} is ${logind.state}` };
}

/** One sentence: what would have to happen for the verdict to be another. */
export function whatWouldChange(judgement: Judgement): string {
  const { verdict, endsIn, exemptions } = judgement;
  switch (verdict) {
    case "spare":
      return "It ends as an orphan once no client reaches it and the grace has passed.";
    case "wait":
      return `A client that connects spares it; otherwise the first sweep after ${formatDuration(endsIn ?? 0)} ends it.`;
    case "reap":
      return "A client that connects before the next sweep spares it.";
    case "exempt": {
      const flags = [...new Set(exemptions.map(({ liftedBy }) => liftedBy))];
      if (flags.includes(null)) return "Nothing: it is never reaped, not even with --force.";
      return `Only --force with ${flags.join(" and ")} reaps it.`;
    }
    case "unknown":
      return "Being able to read the missing fact (as root, with the process awake); or --force.";
  }
}

/** Finds the facts that explain a tree but never decide, and what would change its verdict. */

import type { Fact } from "../../../core/evidence/evidence.ts";
import { nameOf } from "../../../core/observation/process.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import type { HostView } from "../../../core/tree/host-view.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";

/** Makes the hints that `explain` shows. */
export function hintsOf({ tree, clock }: Judgement, { observation, sshd }: HostView): Fact[] {
  const { root } = tree;
  const { tag } = clock;
  const from = tag?.remoteHost ? ` from ${tag.remoteHost}` : "";
  const id = root.auditSession;
  const server = [...sshd.genuine.values()].find(({ auditSession }) => auditSession === id);
  const session = server
    ? `the ssh server ${server.pid} of audit session ${id} is alive`
    : `no ssh server of audit session ${id} is alive; a later session may still use the tree`;
  const tagged = tag
    ? `a session${from} closed ${formatDuration(observation.uptime - tag.closedUptime)} ago and left it behind`
    : "no session of its user closed since it was last seen in use";
  const adopted = `parent of ${root.pid} is ${root.ppid}; pid 1 may also adopt a server that is in use`;
  const impostors = sshd.impostors.filter(({ uid }) => uid === root.uid).map(nameOf);
  const yes = (is: boolean): "yes" | "no" => (is ? "yes" : "no");
  const hints: Fact[] = [
    id === null
      ? { fact: "session", value: "unknown", detail: "no audit session id" }
      : { fact: "session", value: yes(server !== undefined), detail: session },
    { fact: "adopted", value: yes(root.ppid === 1), detail: adopted },
    { fact: "tagged", value: yes(tag !== null), detail: tagged },
  ];
  const counted = `${impostors.join(", ")}: not an ssh server of this host, not counted`;
  return impostors.length === 0 ? hints : [...hints, { fact: "impostor", value: "yes", detail: counted }];
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

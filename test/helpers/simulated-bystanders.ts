/** What stands beside the trees of a simulated host, and what runs in their terminals. */

import type { Proc } from "../../src/core/observation/process.ts";
import { TICKS, UPTIME } from "./proc.ts";
import type { Session } from "./simulated-clients.ts";
import { BOTH } from "./simulated-host.ts";
import type { Populated } from "./simulated-users.ts";

const protect = ({ truths }: Populated, pid: number, why: string): number => {
  for (const { protectedPids } of truths) protectedPids.set(pid, why);
  return pid;
};

/** Adds what runs in a terminal; answers why the whole tree must stay, or null. */
export function addTerminal(populated: Populated, common: Partial<Proc>, bash: number): string | null {
  const { host } = populated;
  const inside = { ...common, ppid: bash, tty: 34_816 };
  if (host.chance(0.3)) host.add({ ...inside, exe: "/usr/bin/python3", argv: ["python", "train.py"] });
  if (host.chance(0.1)) {
    const tmux = host.add({
      ...common,
      ppid: host.chance(0.5) ? bash : 1,
      exe: "/usr/bin/tmux",
      argv: ["tmux"],
    });
    protect(populated, tmux, "tmux");
    protect(populated, host.add({ ...common, ppid: tmux, exe: "/bin/bash", argv: ["-bash"] }), "under tmux");
  }
  if (host.chance(0.1)) {
    const cgroups = ["/system.slice/slurmstepd.scope/job_5/step_0/user/task_0"];
    protect(populated, host.add({ ...inside, cgroups, exe: "/bin/app", argv: ["app"] }), "a job");
  }
  if (host.chance(0.08)) {
    const sudo = host.add({ ...inside, uid: 0, exe: "/usr/bin/sudo", argv: ["sudo", "-i"] });
    protect(populated, sudo, "another user");
    protect(
      populated,
      host.add({ ...inside, ppid: sudo, uid: 0, exe: "/bin/bash", argv: ["bash"] }),
      "another user",
    );
    return "another user's program in its terminal";
  }
  if (host.chance(0.04)) {
    host.add({ ...inside, exe: "/home/u/conda/bin/sshd", argv: ["sshd"] });
    return "an ssh server in its terminal";
  }
  if (host.chance(0.04)) {
    host.add({ ...inside, exe: "/usr/local/bin/code", argv: ["code", "tunnel"] });
    return "a tunnel in its terminal";
  }
  return null;
}

/** Adds editors and copies on the server's paths, and whole trees that policy or a job protects. */
export function addBystanders(populated: Populated, uid: number, sessions: readonly Session[]): void {
  const { host } = populated;
  const lasting = sessions.filter(({ when }) => when[0] && when[1]);
  for (let i = host.below(4); i > 0; i--) {
    const home = `/home/u${uid}/.vscode-server`;
    const ppid = lasting.length > 0 && host.chance(0.7) ? host.pick(lasting).child : 1;
    const kind = host.below(8);
    const plain: readonly (readonly [string, string])[] = [
      ["/usr/bin/vim", `vim ${home}/data/Machine/settings.json`],
      ["/usr/bin/tar", `tar czf x.tgz ${home}`],
      ["/usr/bin/tail", `tail -f ${home}/.cli.log`],
      ["/usr/bin/node", `node /home/u${uid}/app/server.js`],
    ];
    const chosen = plain[kind];
    if (chosen)
      protect(
        populated,
        host.add({ uid, ppid, exe: chosen[0], argv: chosen[1].split(" ") }),
        "an editor or a copy",
      );
    const node = `${home}/bin/${host.hex(40)}/node`;
    const argv = [node, node.replace(/node$/, "out/server-main.js"), "--port=0"];
    const old = Math.floor(((UPTIME - 9_000_000) * TICKS) / 1000);
    const server = { uid, exe: node, argv, startTime: old };
    if (kind === 4)
      protect(
        populated,
        host.add({ ...server, ppid: 1, cgroups: [`/slurm/uid_${uid}/job_3/step_0`] }),
        "a job",
      );
    if (kind === 5) {
      const tmux = host.add({ uid, ppid: 1, exe: "/usr/bin/tmux", argv: ["tmux"], startTime: old - 1 }, BOTH);
      protect(populated, host.add({ ...server, ppid: tmux }), "under tmux");
    }
    if (kind === 6) {
      // Its parent's number was taken by a younger process: the chain of parents is broken.
      const young = host.add({ uid, ppid: 1, exe: "/usr/bin/sleep", argv: ["sleep"], startTime: old + 10 });
      protect(populated, host.add({ ...server, ppid: young }), "its parent is not known");
    }
    if (kind === 7) {
      const other = host.add({
        uid,
        ppid: 1,
        exe: "/opt/other-ide/host",
        argv: ["host"],
        startTime: old - 1,
      });
      const exe = `${home}/extensions/a.b-1/bin/cpptools`;
      protect(
        populated,
        host.add({ uid, ppid: other, exe, argv: ["cpptools"], startTime: old }),
        "another IDE's helper",
      );
    }
  }
}

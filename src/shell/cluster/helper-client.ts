/** Talks to other login nodes through a helper process with a deadline; src/shell/cluster-folder.ts is what that does. */

import { spawn } from "node:child_process";
import type { Publication, Reading } from "../../core/cluster/publication.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { formatDuration } from "../../core/text/duration.ts";
import type { ClusterReply, ClusterRequest } from "./shared-folder.ts";

/** The hidden command that the program starts itself again with. */
export const CLUSTER_HELPER = "cluster-helper";

const DEADLINE_MS = 5000;
const MAX_REPLY_BYTES = 16_777_216;

/** One run's dealings with the folder: it is read once, and not tried again once it has failed. */
export class Cluster {
  private heard: Promise<ClusterReply> | null = null;

  read(folder: string, reading: Reading): Promise<ClusterReply> {
    const first = this.heard === null;
    this.heard ??= askHelper({ act: "read", folder, reading });
    // What was said once is not said again at the second look.
    return first ? this.heard : this.heard.then(({ elsewhere }) => ({ elsewhere, faults: [] }));
  }

  /** Nothing is told to a folder that could not be read: the fault is known, and another deadline would pass. */
  async publish(folder: string, publication: Publication): Promise<readonly Fault[]> {
    const heard = await this.heard;
    if (heard !== null && heard.elsewhere === null) return [];
    return (await askHelper({ act: "publish", folder, publication })).faults;
  }
}

/**
 * Starts the program again as the helper. A helper that is stuck in the kernel cannot be ended by anybody: it is
 * killed for when it wakes, and left behind with nothing of ours but its own pipes, which are closed.
 */
function askHelper(request: ClusterRequest): Promise<ClusterReply> {
  const script = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...process.execArgv, script, CLUSTER_HELPER], {
    cwd: "/",
    // Guard: no variable of the caller's takes part.
    env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const failed = (detail: string): ClusterReply => ({
    elsewhere: null,
    faults: [{ what: `use the login nodes' folder ${request.folder}`, detail }],
  });
  return new Promise((resolve) => {
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let size = 0;
    const leave = (reply: ClusterReply): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
      resolve(reply);
    };
    const timer = setTimeout(
      () => leave(failed(`no answer within ${formatDuration(DEADLINE_MS)}; is its file server alive?`)),
      DEADLINE_MS,
    );
    const collect = (into: Buffer[]) => (bytes: Buffer) => {
      size += bytes.length;
      if (size > MAX_REPLY_BYTES) leave(failed("the helper said too much"));
      else into.push(bytes);
    };
    child.stdout.on("data", collect(output));
    child.stderr.on("data", collect(errors));
    // A helper that ended early is told of by its status.
    child.stdin.on("error", () => {});
    child.on("error", (error) => leave(failed(error.message)));
    child.on("close", (status) => {
      clearTimeout(timer);
      const said = Buffer.concat(errors).toString().trim().split("\n")[0];
      if (status !== 0) return resolve(failed(said || `the helper ended with status ${status}`));
      try {
        resolve(JSON.parse(Buffer.concat(output).toString()) as ClusterReply);
      } catch (error) {
        resolve(failed(`the helper's answer: ${(error as Error).message}`));
      }
    });
    child.stdin.end(JSON.stringify(request));
  });
}

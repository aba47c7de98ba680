/** Asks a helper process, which has a deadline, to read or write the shared folder (shared-folder.ts). */

import { spawn } from "node:child_process";
import type { Publication, ReadOptions } from "../../core/cluster/publication.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { formatDuration } from "../../core/text/duration.ts";
import type { ClusterReply, ClusterRequest } from "./shared-folder.ts";

/** The hidden command with which the program starts itself as the helper. */
export const CLUSTER_HELPER = "cluster-helper";

const DEADLINE_MS = 5000;
const MAX_REPLY_BYTES = 16_777_216;

/** The shared folder during one run. It is read once, and not tried again after it has failed. */
export class Cluster {
  private reply: Promise<ClusterReply> | null = null;

  /** Reads what other nodes published. */
  read(folder: string, reading: ReadOptions): Promise<ClusterReply> {
    const first = this.reply === null;
    this.reply ??= askHelper({ act: "read", folder, reading });
    // The faults are reported at the first call only.
    return first ? this.reply : this.reply.then(({ elsewhere }) => ({ elsewhere, faults: [] }));
  }

  /** Publishes, unless the folder could not be read: that fault is reported, and a second try would take another deadline. */
  async publish(folder: string, publication: Publication): Promise<readonly Fault[]> {
    const reply = await this.reply;
    if (reply !== null && reply.elsewhere === null) return [];
    return (await askHelper({ act: "publish", folder, publication })).faults;
  }
}

/**
 * Starts the program again as the helper. Nothing can end a helper that is stuck in the kernel: it gets SIGKILL for when
 * it wakes, and stays behind with closed pipes.
 */
function askHelper(request: ClusterRequest): Promise<ClusterReply> {
  const script = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...process.execArgv, script, CLUSTER_HELPER], {
    cwd: "/",
    // Guard: no variable of the caller's environment reaches the helper.
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
      if (size > MAX_REPLY_BYTES) leave(failed("the answer of the helper is too long"));
      else into.push(bytes);
    };
    child.stdout.on("data", collect(output));
    child.stderr.on("data", collect(errors));
    // The status of a helper that ended early says why.
    child.stdin.on("error", () => {});
    child.on("error", (error) => leave(failed(error.message)));
    child.on("close", (status) => {
      clearTimeout(timer);
      const message = Buffer.concat(errors).toString().trim().split("\n")[0];
      if (status !== 0) return resolve(failed(message || `the helper ended with status ${status}`));
      try {
        resolve(JSON.parse(Buffer.concat(output).toString()) as ClusterReply);
      } catch (error) {
        resolve(failed(`the answer of the helper: ${(error as Error).message}`));
      }
    });
    child.stdin.end(JSON.stringify(request));
  });
}

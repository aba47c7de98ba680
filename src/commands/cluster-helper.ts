/** The hidden helper of src/shell/cluster: reads a request on standard input, answers on standard output. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { safeJson } from "../core/text/safe-text.ts";
import { CLUSTER_HELPER } from "../shell/cluster/helper-client.ts";
import { type ClusterRequest, serveCluster } from "../shell/cluster/shared-folder.ts";
import { loadNative } from "../shell/host/native.ts";
import { RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { EXIT, Failure } from "./exit.ts";
import type { Finish } from "./options.ts";
import { print } from "./shared.ts";

/** How often to try for the lock of another helper on this host, which is done in milliseconds if it works. */
const LOCK_TRIES = 40;
const LOCK_PAUSE_MS = 50;

async function help(): Promise<number> {
  const request = JSON.parse(readFileSync(0, "utf8")) as ClusterRequest;
  prepareFolder(RUN_FOLDER, 0o700);
  // Guard: a helper that hangs in the kernel keeps its lock, so that no second one hangs as well.
  const lock = join(RUN_FOLDER, "cluster.lock");
  const native = loadNative();
  for (let tries = 0; native.lock(lock) === "busy"; tries++) {
    if (tries === LOCK_TRIES)
      throw new Failure(
        EXIT.failed,
        `an earlier helper still hangs (it holds ${lock}); is the file server up?`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
  }
  print(safeJson(serveCluster(request)));
  return EXIT.ok;
}

/** Adds the command to the program. */
export function addClusterHelper(program: Command, finish: Finish): void {
  program.command(CLUSTER_HELPER, { hidden: true }).action(finish(help));
}

/** The program: runs the command line and sets the exit status. */

import { main } from "../cli.ts";
import { EXIT } from "../commands/exit.ts";

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`vscode-grim-reaper: ${(error as Error).stack ?? String(error)}\n`);
    process.exitCode = EXIT.internal;
  },
);

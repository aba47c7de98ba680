import { main } from "../cli.ts";

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`vscode-grim-reaper: ${(error as Error).stack ?? String(error)}\n`);
    process.exitCode = 70;
  },
);

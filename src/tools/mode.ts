/** `enforce` and `observe`: whether the sweeps of this host end orphans, or only report them. */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { print } from "../commands/shared.ts";
import { CONFIG_FOLDER, loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { replaceFile } from "../shell/store/safe-files.ts";
import { commandOf, isRoot } from "./options.ts";

/** The first installation of a package writes it as well. */
const FILE = join(CONFIG_FOLDER, "00-observe.toml");
const TEXT = `# Sweeps only report what they would end. To let them end it: vscode-grim-reaper enforce
enforce = false
`;

/** @throws Failure where another file of the configuration decides otherwise */
function setMode(enforcing: boolean): number {
  if (!isRoot()) throw new Failure(EXIT.denied, "this changes the configuration; run it with sudo");
  if (enforcing) {
    rmSync(FILE, { force: true });
  } else {
    mkdirSync(CONFIG_FOLDER, { recursive: true });
    replaceFile(FILE, TEXT, 0o644);
  }
  const { policy, files, layers } = loadConfig(null);
  if (policy.enforce !== enforcing) {
    const file = files.findLast((_, i) => layers[i]?.enforce !== undefined);
    const decides = `${file} sets enforce = ${policy.enforce}, which counts`;
    throw new Failure(EXIT.config, `${decides}; change it there to ${enforcing}`);
  }
  print(
    enforcing
      ? "From now on sweeps end orphans. To observe again: vscode-grim-reaper observe"
      : "From now on sweeps only report. To let them end orphans: vscode-grim-reaper enforce",
  );
  return EXIT.ok;
}

export const enforceCommand = commandOf("enforce", "let sweeps end orphans", () => setMode(true));
export const observeCommand = commandOf("observe", "have sweeps only report what they would end", () =>
  setMode(false),
);

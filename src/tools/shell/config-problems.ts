/** Finds settings that are well-formed but cannot work on this host. */

import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { faultLine } from "../../core/observation/fault.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { nearest } from "../../core/text/did-you-mean.ts";
import type { LoadedConfig } from "../../shell/config.ts";
import { lookUpAccounts } from "../../shell/host/accounts.ts";
import { LOG_FOLDER } from "../../shell/store/paths.ts";
import { whyNotRun } from "./run-hook.ts";

/** Folders that the service does not see: PrivateTmp=, ProtectHome= in its unit. */
const HIDDEN_FROM_SERVICE = ["/tmp/", "/var/tmp/", "/home/", "/root/", "/run/user/"];

/** Lists the problems, one line each; none if everything can work. */
export function findConfigProblems({ policy, files }: LoadedConfig): string[] {
  const { metrics, ledger, log, hooks } = policy;
  const isRead = metrics.file === "" || metrics.file.endsWith(".prom");
  const why = hooks.notify === "" ? null : whyNotRun(hooks.notify);
  return [
    ...files.flatMap(modeProblems),
    ...lookUpAccounts(policy, []).faults.map(faultLine),
    ...unknownProducts(policy),
    ...fileProblems("metrics.file", metrics.file),
    ...(isRead
      ? []
      : [`metrics.file: ${metrics.file}: the node exporter reads only names that end in .prom`]),
    ...fileProblems("ledger.file", ledger.file),
    ...fileProblems("log", log.startsWith("/") ? log : ""),
    ...(why === null ? [] : [`hooks.notify: ${hooks.notify}: ${why}`]),
  ];
}

/** A sweep reads every file; a user's own commands do not. */
function modeProblems(file: string): string[] {
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o004) !== 0) return [];
  const effect = "list, explain, keep, end and clean fail for users";
  return [`${file}: mode ${mode.toString(8).padStart(4, "0")}: ${effect}; chmod 644 ${file}`];
}

function unknownProducts({ graceByProduct, exempt, catalogue }: Policy): string[] {
  const known = [...new Set(["unknown-fork", ...catalogue.products.map(({ id }) => id)])];
  const named = [
    ...Object.keys(graceByProduct).map((product) => ["graceByProduct", product] as const),
    ...exempt.flatMap(({ product }) => (product === undefined ? [] : [["exempt.product", product] as const])),
  ];
  return named
    .filter(([, product]) => !known.includes(product))
    .map(([key, product]) => {
      const near = nearest(product, known);
      const hint = near ? `did you mean "${near}"?` : `the products are ${known.join(", ")}`;
      return `${key}: there is no product "${product}"; ${hint}`;
    });
}

function fileProblems(key: string, file: string): string[] {
  if (file === "") return [];
  const hidden = HIDDEN_FROM_SERVICE.find((folder) => file.startsWith(folder));
  if (hidden !== undefined)
    return [`${key}: ${file}: the service does not see ${hidden.slice(0, -1)} (PrivateTmp=, ProtectHome=)`];
  const folder = dirname(file);
  // A sweep makes its own folder.
  if (folder === LOG_FOLDER) return [];
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found === undefined ? [`${key}: ${file}: the folder ${folder} does not exist`] : [];
}

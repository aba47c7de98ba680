/** Programs with a layout of their own, recognised by the catalogue's rules: Zed, JetBrains, coding agents. */

import { type Catalogue, isNamed, type Kind, type Program, type Role, type RoleRule } from "./catalogue.ts";
import { firstWords, valuesOf } from "./command-line.ts";
import { cliProductOf, findInstall } from "./install-path.ts";
import { componentsOf, fitsEnd, fitsName } from "./path-pattern.ts";

export interface Recognition {
  readonly product: string;
  readonly kind: Kind;
  readonly role: Role;
  /** Its server starts it in a session of its own (setsid). */
  readonly leadsSession?: boolean;
  /** What its server starts when a client comes, such as "extension host": its start is a sign of use. */
  readonly perClient?: string;
  /** It counts only where nothing that started it lives. */
  readonly left?: true;
  /** It counts only beside a server or a worker of the installation at this path. */
  readonly beside?: string;
}

/** Arguments after the program or its script; null where the command line could not be read. */
type Arguments = readonly string[] | null;

/** The rules that are about a path, in the order of their list. */
function rulesAt(path: string, { programs }: Catalogue): readonly Program[] {
  const parts = componentsOf(path);
  return programs.filter(({ endings }) => endings.some((ending) => fitsEnd(parts, ending)));
}

/** Applies the rules to the path of an executable or of a script; undefined: no rule is about this path. */
export function recogniseProgram(
  path: string,
  args: Arguments,
  catalogue: Catalogue,
): Recognition | null | undefined {
  for (const rule of rulesAt(path, catalogue)) {
    if (rule.mention !== undefined && !mentions(rule.mention, path, args)) continue;
    if (args === null && rule.handRun) return null;
    const found = roleOf(rule.roles, args, rule.valueFlags ?? []);
    // Rules about orphans say nothing of a part of an installation.
    if (!found && rule.roles.every(({ left }) => left)) continue;
    if (!found) return null;
    const kind = found.kind ?? kindIn(found.role, catalogue.byId.get(rule.product)?.kind);
    const { role, left, leadsSession } = found;
    return {
      product: rule.product,
      kind,
      role,
      ...(left && { left }),
      ...(leadsSession && { leadsSession }),
    };
  }
  return undefined;
}

/** `code-<commit> command-shell`, `code agent host`, `code tunnel`; anything else is a passing command. */
export function recogniseCli(
  path: string,
  args: Arguments,
  catalogue: Catalogue,
): Recognition | null | undefined {
  const name = componentsOf(path).at(-1) ?? "";
  const install = findInstall(path, catalogue);
  const isDirect = install !== null && install.by !== "layout" && install.rest.length === 1;
  const known = cliProductOf(name, catalogue);
  // One of an unknown product, too: `acme-<commit>`.
  if (known === null && !(isDirect && fitsName(name, "*-{commit}"))) return undefined;
  // A file of that name in an installation, such as a script of remote-cli, is another thing.
  if (install && !isDirect) return undefined;
  // A desktop editor has the same name; with its command line unread, only the folder tells them apart.
  if (args === null && !install && catalogue.cliProducts.has(name)) return null;
  const { valueFlags, roles } = catalogue.cli;
  const found = roleOf(roles, args, valueFlags);
  if (!found) return null;
  const product = install?.by === "folder" ? install.product : known;
  const kind = found.kind ?? kindIn(found.role, product?.kind);
  // Outside any folder a tunnel is a product of its own, whichever editor's program opens it.
  const id = found.role === "tunnel" && install?.by !== "folder" ? "tunnel" : product?.id;
  return { product: id ?? catalogue.fork.id, kind, role: found.role };
}

/** The kind of a process in a role: an agent's daemon is one, whichever product starts it. */
export function kindIn(role: Role, ofProduct: Kind = "server"): Kind {
  return role === "agent" ? "agent" : ofProduct;
}

function roleOf(rules: readonly RoleRule[], args: Arguments, valueFlags: readonly string[]): RoleRule | null {
  const unconditional = rules.find(({ words, elements, options }) => !words && !elements && !options);
  if (args === null) return unconditional ?? { role: "unknown" };
  return rules.find((rule) => fits(rule, args, valueFlags)) ?? null;
}

function fits(
  { words = [], elements = [], options = {} }: RoleRule,
  args: readonly string[],
  valueFlags: readonly string[],
): boolean {
  const given = firstWords(args, words.length, valueFlags);
  return (
    words.every((word, i) => given[i] === word) &&
    elements.every((element) => args.includes(element)) &&
    Object.entries(options).every(([flag, patterns]) =>
      valuesOf(args, flag).some((value) => isNamed(value, patterns)),
    )
  );
}

function mentions(text: string, path: string, args: Arguments): boolean {
  return path.includes(text) || (args ?? []).some((arg) => arg.includes(text));
}

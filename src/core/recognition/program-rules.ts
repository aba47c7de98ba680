/** Programs with a layout of their own, recognised by the catalogue's rules: Zed, JetBrains, coding agents. */

import { type Catalogue, isNamed, type Kind, type Role, type RoleRule } from "./catalogue.ts";
import { firstWords, valuesOf } from "./command-line.ts";
import { cliProductOf, findInstall, isCliName } from "./install-path.ts";
import { componentsOf, fitsEnd } from "./path-pattern.ts";

export interface Recognition {
  readonly product: string;
  readonly kind: Kind;
  readonly role: Role;
  /** Its server starts it in a session of its own (setsid). */
  readonly leadsSession?: boolean;
  /** Its server starts it when a client comes, as an extension host: its start is a sign of use. */
  readonly perClient?: boolean;
}

/** Arguments after the program or its script; null where the command line could not be read. */
type Arguments = readonly string[] | null;

/** Applies the rules to the path of an executable or of a script; undefined: no rule is about this path. */
export function recogniseProgram(
  path: string,
  args: Arguments,
  catalogue: Catalogue,
): Recognition | null | undefined {
  const parts = componentsOf(path);
  for (const rule of catalogue.programs) {
    if (!rule.endings.some((ending) => fitsEnd(parts, ending))) continue;
    if (rule.mention !== undefined && !mentions(rule.mention, path, args)) continue;
    if (args === null && rule.handRun) return null;
    const kind = catalogue.byId.get(rule.product)?.kind ?? "ssh";
    const found = roleOf(rule.roles, args, rule.valueFlags ?? []);
    if (!found) return null;
    const { role, leadsSession } = found;
    return { product: rule.product, kind: found.kind ?? kind, role, ...(leadsSession && { leadsSession }) };
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
  const isKnown = cliProductOf(name, catalogue) !== null;
  if (!isKnown && !(isDirect && isCliName(name, catalogue))) return undefined;
  // A file of that name in an installation, such as a script of remote-cli, is another thing.
  if (install && !isDirect) return undefined;
  // A desktop editor has the same name; with its command line unread, only the folder tells them apart.
  if (args === null && !install && catalogue.cliProducts.has(name)) return null;
  const { valueFlags, roles } = catalogue.cli;
  const found = roleOf(roles, args, valueFlags);
  if (!found) return null;
  const product = install?.by === "folder" ? install.product : cliProductOf(name, catalogue);
  const kind = found.kind ?? product?.kind ?? "ssh";
  // Outside any folder a tunnel is a product of its own, whichever editor's program opens it.
  const id = found.role === "tunnel" && install?.by !== "folder" ? "tunnel" : product?.id;
  return { product: id ?? catalogue.fork.id, kind, role: found.role };
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

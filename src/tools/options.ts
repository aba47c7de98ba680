/** Makes commands, and the options that several of them take. */
import { Command, InvalidArgumentError, Option } from "commander";
import { type Common, requestFor, thisHost } from "../commands/shared.ts";
import { CONFIG_OPTION, type OptionRow, parsePid, USER_OPTION } from "../commands/sweep-options.ts";
import { DURATION_HELP, parseDuration } from "../core/text/duration.ts";
import { loadConfig } from "../shell/config.ts";
import { observeAndJudge } from "../sweep/sweep.ts";

/** Makes a command whose result becomes the exit status. */
export function commandOf<A extends unknown[]>(
  name: string,
  description: string,
  act: (...args: A) => Promise<number> | number,
): Command {
  return new Command(name).description(description).action(async (...args) => {
    process.exitCode = await act(...(args as A));
  });
}

/** Looks at this host, with the configuration and of the users that the options name. */
export async function look(options: Common) {
  const { policy } = loadConfig(options.config ?? null);
  return { policy, ...(await observeAndJudge(thisHost(), requestFor(policy, options))) };
}

/** Whether this process is root. */
export const isRoot = (): boolean => process.geteuid?.() === 0;

/** Makes a parser for commander of one that answers null; `remedy` says what to type instead. */
export const argument =
  <T>(parse: (text: string) => T | null, remedy: string) =>
  (text: string): T => {
    const value = parse(text);
    if (value === null) throw new InvalidArgumentError(remedy);
    return value;
  };
export const pidArgument = argument(parsePid, "A process id is a whole number above 0.");
export const durationArgument = argument(parseDuration, `Give ${DURATION_HELP}.`);

/** Makes a parser for an option that may be repeated. */
export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)];

/** Makes an option of commander's from a row of the table that Node's parser reads; `parse` reads its value. */
export function optionOf(name: string, row: OptionRow, parse: (text: string) => unknown = String): Option {
  const value = row.value === undefined ? "" : ` <${row.value}>`;
  const option = new Option(`${row.short === undefined ? "" : `-${row.short}, `}--${name}${value}`, row.help);
  if (row.default !== undefined) option.default(row.default);
  if (row.choices !== undefined) return option.choices(row.choices);
  if (row.type === "string") return row.multiple ? option.argParser(collect(parse)) : option.argParser(parse);
  return row.multiple ? option.default(0).argParser((_, count: number) => count + 1) : option;
}

export const CONFIG = optionOf("config", CONFIG_OPTION);
export const USERS = optionOf("user", USER_OPTION);
export const JSON_OPTION = new Option("--json", "print JSON");

/** Defines the options that several commands take. */
import { type Command, InvalidArgumentError } from "commander";
import { DURATION_HELP, parseDuration } from "../core/text/duration.ts";

/** Makes a commander action of a function whose result becomes the program's exit status. */
export type Finish = <A extends unknown[]>(
  act: (...args: A) => Promise<number> | number,
) => (...args: A) => Promise<void>;

/** Parses a process id. */
export function pidArgument(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError("A process id is a whole number above 0.");
  return Number(text);
}

/** Parses a duration into milliseconds. */
export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError(`Give ${DURATION_HELP}.`);
  return ms;
}

/** Makes a parser for an option that may be repeated. */
export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)];

/** Adds --config. */
export function addConfig(command: Command): Command {
  return command.option("-c, --config <file>", "read this configuration instead of /etc/vscode-grim-reaper");
}

/** Adds --user. */
export function addUsers(command: Command): Command {
  return command.option(
    "-u, --user <user>",
    "only trees of this user, by name or uid (repeatable)",
    collect(String),
  );
}

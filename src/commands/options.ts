/** Options that several commands take. */
import { type Command, InvalidArgumentError } from "commander";

/** Makes an action of an act: its exit status becomes the program's. */
export type Finish = <A extends unknown[]>(
  act: (...args: A) => Promise<number> | number,
) => (...args: A) => Promise<void>;

export function pidArgument(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError("A process id is a whole number above 0.");
  return Number(text);
}

export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)];

export function addConfig(command: Command): Command {
  return command.option("-c, --config <file>", "read this configuration instead of /etc/vscode-grim-reaper");
}

export function addUsers(command: Command): Command {
  return command.option(
    "-u, --user <user>",
    "only trees of this user, by name or uid (repeatable)",
    collect(String),
  );
}

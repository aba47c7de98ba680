/** The commander program as data: commands, their options and arguments, without what is hidden. */

import type { Argument, Command, Option } from "commander";
import { makeProgram } from "../../src/tools/cli.ts";

/** How a value is completed: by what the shell knows, or from a list. */
export type Values = "none" | "any" | "file" | "folder" | "user" | "pid" | readonly string[];

export interface OptionModel {
  readonly short: string | null;
  readonly long: string;
  /** "<file>" as the help has it; empty for a switch. */
  readonly value: string;
  readonly meaning: string;
  readonly values: Values;
}

export interface CommandModel {
  readonly name: string;
  readonly isDefault: boolean;
  readonly meaning: string;
  readonly args: readonly { readonly term: string; readonly meaning: string; readonly values: Values }[];
  readonly options: readonly OptionModel[];
}

export const NAME = "vscode-grim-reaper";

export function commandsOf(): CommandModel[] {
  const program = makeProgram();
  const { visibleCommands } = helperOf(program);
  return visibleCommands(program)
    .filter((command) => command.name() !== "help")
    .map((command): CommandModel => {
      const helper = helperOf(command);
      return {
        name: command.name(),
        isDefault: command.name() === "sweep",
        meaning: command.description(),
        args: command.registeredArguments.map((argument) => ({
          term: termOf(argument),
          meaning: argument.description,
          values: valuesOf(argument.name(), argument.argChoices),
        })),
        options: helper.visibleOptions(command).map(optionOf),
      };
    });
}

function helperOf(command: Command) {
  const help = command.createHelp();
  return {
    visibleCommands: help.visibleCommands.bind(help),
    visibleOptions: help.visibleOptions.bind(help),
  };
}

function termOf(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionOf(option: Option): OptionModel {
  const value = /[<[].*$/.exec(option.flags)?.[0] ?? "";
  return {
    short: option.short ?? null,
    long: option.long ?? "",
    value,
    meaning: option.description,
    values: value === "" ? "none" : valuesOf(value.replace(/[<>[\].]/g, ""), option.argChoices),
  };
}

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  if (choices) return choices;
  if (/^(?:user|pid|file|folder)$/.test(name)) return name as Values;
  if (/^dir/.test(name)) return "folder";
  return "any";
}

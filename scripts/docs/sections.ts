import { type Key, reference } from "./keys.ts";
import { type CommandModel, NAME } from "./program.ts";

/** The generated parts of README and manual. */

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** README's table of keys: sections by their own rows. */
export function keyTable(): string {
  const rows = reference().map(
    ({ name, default: value, meaning }) => `| \`${name}\` | ${cell(value ?? "none")} | ${cell(meaning)} |`,
  );
  return ["| key | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** The manual's list of keys, one section of it for each table of the file. */
export function keyList(): string {
  const entry = ({ name, type, default: value, meaning }: Key): string =>
    `**${name}** (${type}; default: ${value})\n:   ${meaning}.`;
  return reference().map(entry).join("\n\n");
}

/** The manual's list of commands with their options. */
export function commandList(commands: readonly CommandModel[]): string {
  return commands
    .map(({ name, isDefault, meaning, args, options }) => {
      const terms = args.map(({ term }) => ` *${term.replace(/[<>]/g, "")}*`).join("");
      const head = `## ${NAME} ${isDefault ? `[${name}]` : name}${terms} [*options*]`;
      const own = args
        .filter(({ meaning: said }) => said !== "")
        .map(({ term, meaning: said }) => `*${term.replace(/[<>[\]]/g, "")}*\n:   ${said}.`);
      const listed = options.map(({ short, long, value, meaning }) => {
        const flags = [short, long]
          .filter((flag) => flag !== null && flag !== "")
          .map((flag) => `**${flag}**`);
        return `${flags.join(", ")}${value === "" ? "" : ` *${value.replace(/[<>]/g, "")}*`}\n:   ${meaning}.`;
      });
      return [head, `${meaning[0]?.toUpperCase()}${meaning.slice(1)}.`, ...own, ...listed].join("\n\n");
    })
    .join("\n\n");
}

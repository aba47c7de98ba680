import { type CommandModel, NAME, type OptionModel, type Values } from "./program.ts";

/** Static completions: a shell reads them once and starts nothing at each Tab. */

const flagsOf = (option: OptionModel): string[] =>
  [option.short, option.long].filter((flag): flag is string => flag !== null && flag !== "");
/** The first sentence part of a description, safe between single quotes and in zsh's brackets. */
const brief = (text: string): string => (text.split(/[;:,]/)[0] ?? "").replace(/['[\]\\]/g, "");

/** Prints the process ids of all trees that the caller can see. */
const TREE_PIDS = `${NAME} list --pids 2>/dev/null`;

export function bash(commands: readonly CommandModel[]): string {
  const words = commands.map(({ name }) => name).join(" ");
  const cases = commands.map(({ name, options, args }) => {
    const valued = options
      .filter(({ values }) => values !== "none")
      .map((option) => `        ${flagsOf(option).join("|")}) ${bashValues(option.values)} return ;;`);
    return `    ${name})
      case $previous in
${valued.join("\n")}
      esac
      if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W '${options.flatMap(flagsOf).join(" ")}' -- "$current"))
      else
        ${args[0] ? bashValues(args[0].values) : ":"}
      fi
      ;;`;
  });
  return `# bash completion for ${NAME}; generated from the program.
_vscode_grim_reaper() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=sweep i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    ${commands.map(({ name }) => name).join("|")}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W '${words} help' -- "$current"))
    return
  fi
  case $command in
${cases.join("\n")}
  esac
}
complete -F _vscode_grim_reaper ${NAME}
`;
}

function bashValues(values: Values): string {
  if (values === "file") return 'COMPREPLY=($(compgen -f -- "$current"));';
  if (values === "folder") return 'COMPREPLY=($(compgen -d -- "$current"));';
  if (values === "user") return 'COMPREPLY=($(compgen -u -- "$current"));';
  if (values === "pid") return `COMPREPLY=($(compgen -W "$(${TREE_PIDS})" -- "$current"));`;
  if (Array.isArray(values)) return `COMPREPLY=($(compgen -W '${values.join(" ")}' -- "$current"));`;
  return ":;";
}

export function zsh(commands: readonly CommandModel[]): string {
  const list = commands.map(({ name, meaning }) => `    '${name}:${brief(meaning)}'`).join("\n");
  const cases = commands.map(({ name, options, args }) => {
    const specs = [...options.flatMap(zshOption), ...args.map((arg, i) => zshArgument(i + 1, arg))];
    return `    ${name}) _arguments -s ${specs.map((spec) => `\\\n      ${spec}`).join(" ")} ;;`;
  });
  return `#compdef ${NAME}
# zsh completion for ${NAME}; generated from the program.
_vscode_grim_reaper() {
  local -a commands=(
${list}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  local command=sweep
  if [[ $words[2] != -* ]]; then
    command=$words[2]
    shift words
    ((CURRENT--))
  fi
  case $command in
${cases.join("\n")}
  esac
}
_vscode_grim_reaper "$@"
`;
}

function zshOption(option: OptionModel): string[] {
  const value =
    option.values === "none" ? "" : `:${option.value.replace(/[<>[\].]/g, "")}:${zshValues(option.values)}`;
  return flagsOf(option).map((flag) => `'*${flag}[${brief(option.meaning)}]${value}'`);
}

function zshArgument(position: number, { term, values }: CommandModel["args"][number]): string {
  const many = term.includes("...") ? "*" : String(position);
  const optional = term.startsWith("[") && many !== "*" ? "::" : ":";
  return `'${many}${optional}${term.replace(/[<>[\].]/g, "")}:${zshValues(values)}'`;
}

function zshValues(values: Values): string {
  if (values === "file") return "_files";
  if (values === "folder") return "_files -/";
  if (values === "user") return "_users";
  if (values === "pid") return `($(${TREE_PIDS}))`;
  return Array.isArray(values) ? `(${values.join(" ")})` : " ";
}

export function fish(commands: readonly CommandModel[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const none = `not __fish_seen_subcommand_from ${names}`;
  const lines = commands.flatMap(({ name, meaning, options, args, isDefault }) => {
    const when = isDefault
      ? `'__fish_seen_subcommand_from ${name}; or ${none}'`
      : `'__fish_seen_subcommand_from ${name}'`;
    const own = options.map((option) => {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      return `complete -c ${NAME} -n ${when}${short} -l ${option.long.slice(2)}${fishValues(option.values)} -d '${brief(option.meaning)}'`;
    });
    const first = args[0];
    const argument = first
      ? [`complete -c ${NAME} -n ${when}${fishValues(first.values).replace("-x ", "")}`]
      : [];
    return [`complete -c ${NAME} -n '${none}' -a ${name} -d '${brief(meaning)}'`, ...own, ...argument];
  });
  return `# fish completion for ${NAME}; generated from the program.
complete -c ${NAME} -f
${lines.join("\n")}
`;
}

function fishValues(values: Values): string {
  if (values === "none") return "";
  if (values === "file") return " -r -F";
  if (values === "folder") return " -x -a '(__fish_complete_directories)'";
  if (values === "user") return " -x -a '(__fish_complete_users)'";
  if (values === "pid") return ` -x -a '(${TREE_PIDS})'`;
  return Array.isArray(values) ? ` -x -a '${values.join(" ")}'` : " -x";
}

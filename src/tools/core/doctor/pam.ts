/** PAM service files as pam.d(5) has them: parsed, with what they include, in the order in which PAM runs them. */

export interface PamLine {
  readonly file: string;
  readonly line: number;
  /** auth, account, password or session. */
  readonly type: string;
  /** "optional", or what stands in brackets. */
  readonly control: string;
  readonly module: string;
  readonly args: readonly string[];
}

const INCLUDES = ["include", "substack"];
/** Deeper than any real stack; a file that includes itself ends here. */
const MAX_DEPTH = 16;

/** The lines of one file, includes as they stand: `@include name` has the module `name` and every type. */
export function parsePam(file: string, text: string): PamLine[] {
  const lines: PamLine[] = [];
  const physical = text.split("\n");
  for (let i = 0; i < physical.length; i++) {
    const start = i + 1;
    let whole = physical[i] ?? "";
    while (/\\\s*$/.test(whole) && i + 1 < physical.length)
      whole = `${whole.replace(/\\\s*$/, " ")}${physical[++i] ?? ""}`;
    const words = whole.replace(/#.*$/, "").match(/\[(?:\\\]|[^\]])*\]|\S+/g) ?? [];
    const [first = "", second = "", third = "", ...args] = words;
    if (first === "@include")
      lines.push({ file, line: start, type: "", control: "include", module: second, args: [] });
    else if (third !== "")
      lines.push({
        file,
        line: start,
        type: first.replace(/^-/, "").toLowerCase(),
        control: second,
        module: third,
        args: args.map((arg) => arg.replace(/^\[|\]$/g, "")),
      });
  }
  return lines;
}

/** All lines that a service runs. `read` gives a file of /etc/pam.d by name, or null when there is none. */
export function pamStack(service: string, read: (name: string) => string | null): PamLine[] {
  const visit = (name: string, only: string, depth: number): PamLine[] => {
    const text = depth < MAX_DEPTH ? read(name.split("/").at(-1) ?? name) : null;
    if (text === null) return [];
    return parsePam(name, text).flatMap((line) => {
      if (only !== "" && line.type !== "" && line.type !== only) return [];
      return INCLUDES.includes(line.control) ? visit(line.module, line.type || only, depth + 1) : [line];
    });
  };
  return visit(service, "", 0);
}

export const isModule = ({ module }: PamLine, name: string): boolean => module.split("/").at(-1) === name;

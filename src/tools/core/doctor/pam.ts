/** PAM service files as pam.d(5) has them: parsed, with what they include, in the order in which PAM runs them. */

const INCLUDES = ["include", "substack"];
/** Deeper than any real stack; a file that includes itself ends here. */
const MAX_DEPTH = 16;

/**
 * The lines of one file, includes as they stand: `@include name` has the module `name` and every type. `type`: auth, account,
 * password or session; `control`: "optional", or what stands in brackets.
 */
export function parsePam(file: string, text: string) {
  let next = 1;
  // A backslash at its end joins a line with the next one.
  return text.split(/(?<!\\[^\S\n]*)\n/).flatMap((whole) => {
    const line = next;
    next += whole.split("\n").length;
    const joined = whole.replace(/\\[^\S\n]*\n/g, " ").replace(/#.*$/, "");
    const [first = "", second = "", third = "", ...args] = joined.match(/\[(?:\\\]|[^\]])*\]|\S+/g) ?? [];
    if (first === "@include")
      return { file, line, type: "", control: "include", module: second, args: [] as string[] };
    if (third === "") return [];
    const type = first.replace(/^-/, "").toLowerCase();
    return {
      file,
      line,
      type,
      control: second,
      module: third,
      args: args.map((arg) => arg.replace(/^\[|\]$/g, "")),
    };
  });
}

export type PamLine = ReturnType<typeof parsePam>[number];

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

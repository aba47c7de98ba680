/** Patterns of paths and of names, as the catalogue writes them. */

const COMMIT = /^[0-9a-f]{40}$/;
const COMMIT_LENGTH = 40;

/**
 * Tells whether a component of a path fits a pattern: `*` stands for one character or more, `{commit}` for a commit's
 * 40 lower-case hexadecimal digits. Takes time in proportion to both lengths.
 */
export function fitsName(name: string, pattern: string): boolean {
  // Guard: a user names their folders. A regular expression with several stars could take hours over a hostile name.
  let at = 0;
  let wanted = 0;
  let starred = -1;
  let retry = 0;
  while (at < name.length || wanted < pattern.length) {
    if (pattern[wanted] === "*") {
      starred = ++wanted;
      retry = ++at;
      if (at > name.length) return false;
      continue;
    }
    const isCommit = pattern.startsWith("{commit}", wanted);
    const length = isCommit ? COMMIT_LENGTH : 1;
    if (isCommit ? COMMIT.test(name.slice(at, at + length)) : name[at] === pattern[wanted]) {
      at += length;
      wanted += isCommit ? "{commit}".length : 1;
    } else if (starred >= 0 && retry < name.length) {
      at = ++retry;
      wanted = starred;
    } else return false;
  }
  return true;
}

/** Splits a path into its components; runs of slashes count as one. */
export function componentsOf(path: string): string[] {
  return path.split("/").filter(Boolean);
}

/** A pattern of consecutive components. Most hold no `*` and no `{commit}`, and are compared at once. */
export type Pattern = readonly { readonly text: string; readonly isPlain: boolean }[];

/** Reads a pattern of consecutive components. */
export function patternOf(path: string): Pattern {
  return componentsOf(path).map((text) => ({ text, isPlain: !/[*{]/.test(text) }));
}

/** Tells whether the components from `at` on begin with those of the pattern. Nothing fits a component that is not there. */
export function fitsAt(parts: readonly string[], at: number, pattern: Pattern): boolean {
  // From the end, for most paths differ in the file's name.
  for (let i = pattern.length - 1; i >= 0; i--) {
    const part = parts[at + i];
    const wanted = pattern[i];
    if (part === undefined || wanted === undefined) return false;
    if (wanted.isPlain ? part !== wanted.text : !fitsName(part, wanted.text)) return false;
  }
  return true;
}

/** The end of a path, as a pattern of whole components. */
export interface Ending {
  readonly tail: Pattern;
  /** What stands anywhere above the tail, with a component or more between them (`**`). */
  readonly above: Pattern | null;
}

/** Reads a pattern in which at most one `**` stands for one component or more. */
export function endingOf(pattern: string): Ending {
  const parts = patternOf(pattern);
  const gap = parts.findIndex(({ text }) => text === "**");
  return { tail: parts.slice(gap + 1), above: gap < 0 ? null : parts.slice(0, gap) };
}

export function fitsEnd(parts: readonly string[], { tail, above }: Ending): boolean {
  const end = parts.length - tail.length;
  if (!fitsAt(parts, end, tail)) return false;
  if (above === null) return true;
  for (let at = 0; at + above.length < end; at++) if (fitsAt(parts, at, above)) return true;
  return false;
}

/** Tells whether a path ends in these whole components. */
export function endsWithPath(path: string, end: string): boolean {
  return path === end || path.endsWith(`/${end}`);
}

/** Makes a site's glob a regular expression, anchored at both ends: `*` stays within a component, `**` does not. */
export function globToRegExp(glob: string): RegExp {
  const body = glob.split("**").map((part) => part.split("*").map(escaped).join("[^/]*"));
  return new RegExp(`^${body.join(".*")}$`, "s");
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");

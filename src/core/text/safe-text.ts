/** Text that users chose (argv, comm, paths, host names) made safe to print: escaped and cut. */

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Escapes every character that a terminal or a log reader could act on: C0, DEL, C1, ESC, bidirectional and other
 * invisible format controls, line and paragraph separators, lone surrogates, private use and unassigned ones.
 * Guard: one line stays one line, also if a process puts line ends into its name.
 */
export function escapeText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const named = NAMED[char];
    if (named !== undefined) return named;
    const code = char.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** Cuts a text to, or pads it with spaces to, exactly `width` characters (code points). */
export function fit(text: string, width: number): string {
  const points = Array.from(text);
  return points.length >= width ? points.slice(0, width).join("") : text + " ".repeat(width - points.length);
}

/** Formats a command line: the arguments, else the kernel's name for the process in brackets, as ps does. */
export function commandLine(process: { readonly argv: readonly string[]; readonly comm: string }): string {
  return escapeText(process.argv.length > 0 ? process.argv.join(" ") : `[${process.comm}]`);
}

/**
 * Formats JSON as one line that no terminal acts on. JSON.stringify leaves DEL, C1, bidirectional and other format
 * controls as they are; as `\uXXXX` they mean the same and are harmless.
 */
export function safeJson(value: unknown): string {
  return escapeJsonText(JSON.stringify(value));
}

/** Replaces control characters in JSON text by `\uXXXX`. */
export function escapeJsonText(json: string): string {
  return json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    Array.from(
      { length: char.length },
      (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

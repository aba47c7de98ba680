/** Draws real output as SVG, with its text and colours, readable on light and dark pages. */

const CHARACTER = 7.83; // of a 13 px monospaced font
const LINE = 19;
const MARGIN = 16;
/** At the width of a README this is 12 px text; every picture has this width, so all have one scale. */
export const COLUMNS = 118;
const COLOURS: Readonly<Record<string, string>> = {
  "31": "red",
  "32": "green",
  "33": "yellow",
  "36": "cyan",
  "90": "gray",
  "1": "bold",
};
const STYLE = `
    .back { fill: #10161d } text { fill: #dbe4ec; font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }
    .prompt { fill: #8aa0b4 } .red { fill: #ff8070 } .green { fill: #57d37c } .yellow { fill: #e8b64c } .cyan { fill: #58cdd8 }
    .gray { fill: #8fa1b1 } .bold { font-weight: 700 }`;

const xml = (text: string): string =>
  text.replace(/[&<>]/g, (char) => (char === "&" ? "&amp;" : char === "<" ? "&lt;" : "&gt;"));

/** Splits a line into the rows of a terminal. A line with colours is never that long. */
function rowsOf(line: string): string[] {
  return line.includes("\x1b") ? [line] : (line.match(new RegExp(`.{1,${COLUMNS}}`, "gu")) ?? [""]);
}

/** Makes text spans of a line with its colours. */
function spans(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are made of
  const parts = line.split(/\x1b\[([\d;]*)m/);
  let style = "";
  return parts
    .map((part, i) => {
      if (i % 2 === 1) {
        style = part
          .split(";")
          .reduce((now, code) => COLOURS[code] ?? (/^(?:0?|22|39)$/.test(code) ? "" : now), style);
        return "";
      }
      if (part === "") return "";
      return style === "" ? xml(part) : `<tspan class="${style}">${xml(part)}</tspan>`;
    })
    .join("");
}

/** Draws screens: commands as typed, each with its output. */
export function terminalSvg(
  title: string,
  screens: readonly { readonly command: string; readonly output: string }[],
): string {
  const lines = screens.flatMap(({ command, output }, i) => [
    ...(i > 0 ? [""] : []),
    `\x1b[90m#\x1b[0m \x1b[1m${command}\x1b[0m`,
    ...output.replaceAll("\r", "").trimEnd().split("\n").flatMap(rowsOf),
  ]);
  const width = Math.ceil(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  const rows = lines.map(
    (line, i) =>
      `  <text x="${MARGIN}" y="${MARGIN + 14 + i * LINE}" xml:space="preserve">${spans(line)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xml(title)}">
  <style>${STYLE}
  </style>
  <rect class="back" width="${width}" height="${height}" rx="8"/>
${rows.join("\n")}
</svg>
`;
}

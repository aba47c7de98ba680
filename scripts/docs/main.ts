import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bash, fish, zsh } from "./completions.ts";
import { kindTable, neverTable, productNames, productTable } from "./products.ts";
import { commandsOf } from "./program.ts";
import { reasonList, reasonTable } from "./reasons.ts";
import { commandList, keyList, keyTable } from "./sections.ts";

const MANUAL = "docs/man";
const check = process.argv.includes("--check");
const commands = commandsOf();
const sections: Readonly<Record<string, string>> = {
  keys: keyTable(),
  kinds: kindTable(),
  products: productTable(),
  never: neverTable(),
  "product-names": productNames(),
  reasons: reasonTable(),
  "reason-list": reasonList(),
  "key-list": keyList(),
  commands: commandList(commands),
};

/** The text with each generated section between its marks made anew. */
function regenerate(file: string, text: string): string {
  return text.replace(
    /(<!-- (\S+) -->\n)[\s\S]*?(<!-- \/\2 -->)/g,
    (_, open: string, name: string, close: string) => {
      const body = sections[name];
      if (body === undefined) throw new Error(`${file}: there is no generated section ${name}`);
      return `${open}${body}\n${close}`;
    },
  );
}

const pages = readdirSync(MANUAL).filter((name) => name.endsWith(".md"));
let drifted = 0;
const documents = readdirSync("docs").filter((name) => name.endsWith(".md"));
const generated = ["README.md", ...documents.map((name) => join("docs", name))];
for (const file of [...generated, ...pages.map((name) => join(MANUAL, name))]) {
  const before = readFileSync(file, "utf8");
  const after = regenerate(file, before);
  if (after === before) continue;
  if (check) {
    console.error(`${file} has drifted from the program: run npm run docs`);
    drifted++;
  } else writeFileSync(file, after);
}
if (check) process.exit(drifted > 0 ? 1 : 0);

mkdirSync("dist/completions", { recursive: true });
for (const [name, text] of [
  ["vscode-grim-reaper.bash", bash(commands)],
  ["_vscode-grim-reaper", zsh(commands)],
  ["vscode-grim-reaper.fish", fish(commands)],
] as const)
  writeFileSync(join("dist/completions", name), text);

mkdirSync("dist/man", { recursive: true });
for (const name of pages) {
  const text = readFileSync(join(MANUAL, name), "utf8").replace(/<!-- .*? -->\n?/g, "");
  writeFileSync(join("dist/man", name.replace(/\.md$/, "")), toRoff(text));
}

function toRoff(markdown: string): string {
  try {
    const roff = execFileSync("go-md2man", [], { input: markdown, encoding: "utf8" });
    // It begins each section with a paragraph, which the section's head has begun already.
    return roff.replace(/^(\.SH .*\n)\.PP\n/gm, "$1");
  } catch (error) {
    console.error(
      `go-md2man is needed for the manual pages (Debian package go-md2man): ${(error as Error).message}`,
    );
    process.exit(1);
  }
}

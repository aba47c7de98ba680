// Makes dist/: a starter, the program as one CommonJS file (one file starts 20 ms sooner than many) with its code cache,
// and the native parts beside them.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const PROGRAM = "dist/program.cjs";
const CACHE = "dist/program.cache";

// Loading these costs 3 ms and more, and 0.3 ms; a sweep seldom needs either.
const SELDOM = {
  child_process: ["spawn", "spawnSync", "execFileSync"],
  "timers/promises": ["setTimeout"],
};
const loadSeldom = {
  name: "load-seldom",
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(?:node:)?(?:${Object.keys(SELDOM).join("|")})$`);
    onResolve({ filter }, ({ path, namespace }) =>
      namespace === "seldom" ? { external: true } : { path: path.replace(/^node:/, ""), namespace: "seldom" },
    );
    onLoad({ filter: /.*/, namespace: "seldom" }, ({ path }) => ({
      contents: SELDOM[path]
        .map((name) => `exports.${name} = (...args) => require("node:${path}").${name}(...args);`)
        .join("\n"),
    }));
  },
};

const common = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  define: { PACKAGE_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
  legalComments: "inline",
  logLevel: "warning",
};

mkdirSync("dist", { recursive: true });
rmSync(CACHE, { force: true });
await build({
  ...common,
  entryPoints: ["src/start/bin.ts"],
  outfile: "dist/vscode-grim-reaper.cjs",
  banner: { js: "#!/usr/bin/node" },
});
chmodSync("dist/vscode-grim-reaper.cjs", 0o755);
const { metafile } = await build({
  ...common,
  entryPoints: ["src/start/program.ts"],
  outfile: PROGRAM,
  metafile: true,
  charset: "ascii",
  // Half the text is read and kept in half the time. Names stay, and lines, for what a bug report shows.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
  plugins: [loadSeldom],
});
// Whose work is in it, for packaging/third-party.mjs: with the white space go esbuild's own comments.
const folders = Object.keys(metafile.outputs[PROGRAM].inputs).map(
  (file) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0],
);
const modules = [...new Set(folders.filter(Boolean))].map((folder) => `// ${folder}\n`).join("");
const text = modules + readFileSync(PROGRAM, "latin1");
// The starter reads it as such; V8 keeps it in half the memory.
for (const char of text) if (char > "\x7f") throw new Error(`${PROGRAM} holds ${char}, which is not ASCII`);
writeFileSync(PROGRAM, `${text}//# build ${createHash("sha256").update(text).digest("hex")}\n`);
replace("build/Release/reaper_native.node", "dist/reaper_native.node");
replace("build/session-close", "dist/session-close");

// A new file: a program that has the old one loaded keeps it.
function replace(source, target) {
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}

// The maker of the code cache is part of the program: a package makes the cache on the host, for the Node that is there.
const MAKER = "dist/code-cache.cjs";
await build({ ...common, entryPoints: ["scripts/code-cache.ts"], outfile: MAKER });
for (const name of ["warm-up.tsv", "warm-up.toml"]) {
  copyFileSync(`scripts/${name}`, `dist/${name}`);
  // A configuration that others than root may write is refused.
  chmodSync(`dist/${name}`, 0o644);
}
// A dry run may have much to say, and a cache is not worth a failed build.
const made = spawnSync(process.execPath, [MAKER, PROGRAM, CACHE], { stdio: "ignore", timeout: 60_000 });
if (made.status !== 0) {
  rmSync(CACHE, { force: true });
  console.error(`no code cache could be made (status ${made.status}); it starts without`);
}

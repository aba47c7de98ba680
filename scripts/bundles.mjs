// What the bundles in dist/ are made of: bundle.mjs writes them, size.mjs counts their lines.

/** The file in dist/, where it starts, and its first line. */
export const BUNDLES = [
  { name: "vscode-grim-reaper.cjs", entry: "src/start/bin.ts", banner: "#!/usr/bin/env node" },
  { name: "sweep.cjs", entry: "src/start/sweep.ts", banner: "" },
  { name: "tools.cjs", entry: "src/start/tools.ts", banner: "" },
  { name: "pino.cjs", entry: "pino", banner: "" },
];

/** Returns esbuild's options for one of them. pino, which only a log of JSON needs, is in none of the others. */
export const optionsOf = ({ name, entry, banner }, version) => ({
  entryPoints: [entry],
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  ...(name !== "pino.cjs" && { alias: { pino: "./pino.cjs" }, external: ["./pino.cjs"] }),
  banner: { js: banner },
  define: { PACKAGE_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
  legalComments: "inline",
  logLevel: "warning",
});

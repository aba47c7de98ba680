// What the bundles in dist/ are made of: bundle.mjs writes them, size.mjs counts their lines.

/** The file in dist/, where it starts, and its first line. */
export const BUNDLES = [
  { name: "vscode-grim-reaper.cjs", entry: "src/start/bin.ts", banner: "#!/usr/bin/env node" },
  { name: "sweep.cjs", entry: "src/start/sweep.ts", banner: "" },
  { name: "tools.cjs", entry: "src/start/tools.ts", banner: "" },
];

/** Returns esbuild's options for one of them. */
export const optionsOf = ({ entry, banner }, version) => ({
  entryPoints: [entry],
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  banner: { js: banner },
  define: { PACKAGE_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
  legalComments: "inline",
  logLevel: "warning",
});

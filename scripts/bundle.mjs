// Makes dist/: one CommonJS file, for one file starts 20 ms sooner than many, and the native parts beside it.
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
mkdirSync("dist", { recursive: true });
await build({
  entryPoints: ["src/bin.ts"],
  outfile: "dist/vscode-grim-reaper.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  banner: { js: "#!/usr/bin/node" },
  define: { PACKAGE_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
  legalComments: "inline",
  logLevel: "warning",
});
chmodSync("dist/vscode-grim-reaper.cjs", 0o755);
copyFileSync("build/Release/reaper_native.node", "dist/reaper_native.node");
copyFileSync("build/session-close", "dist/session-close");

// Makes the npm tarball from a folder of its own: `npm.mjs VERSION DIST NATIVE LICENCES WORK OUT`, in the checkout, whose
// package.json is for building (scripts, dependencies that the bundle already holds); what is published compiles and
// fetches nothing.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const [version, dist, native, licences, work, out] = process.argv.slice(2);
const source = JSON.parse(readFileSync("package.json", "utf8"));
const NATIVE = ["reaper_native.node", "session-close", "keep"];

rmSync(work, { recursive: true, force: true });
cpSync(dist, join(work, "dist"), { recursive: true });
// The units and the hook are not installed by npm, and so neither is what starts the program for them.
rmSync(join(work, "dist/launcher"), { force: true });
for (const name of NATIVE) copyFileSync(join(native, name), join(work, "dist", name));
for (const program of ["session-close", "keep"]) chmodSync(join(work, "dist", program), 0o755);
for (const folder of ["pam", "systemd", "profile"])
  if (existsSync(folder)) cpSync(folder, join(work, folder), { recursive: true });
for (const file of ["README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"])
  copyFileSync(file, join(work, file));
copyFileSync(licences, join(work, "THIRD-PARTY-LICENSES"));

const manuals = existsSync(join(dist, "man"))
  ? readdirSync(join(dist, "man")).map((name) => `dist/man/${name}`)
  : [];
const { name, description, license, engines, os, bin } = source;
const manifest = {
  name,
  version,
  description,
  license,
  engines,
  os,
  cpu: ["x64"],
  libc: ["glibc"],
  bin,
  ...(manuals.length > 0 && { man: manuals.sort() }),
  files: ["*"],
  // There is no binding.gyp in it, and npm must not look for one.
  gypfile: false,
};
writeFileSync(join(work, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
const packed = spawnSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", out], {
  cwd: work,
  stdio: ["ignore", "ignore", "inherit"],
});
process.exit(packed.status ?? 1);

/** The specs against what the packages hold: the bundled modules, their licences, and scriptlets that leave the site's files alone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SPECS = ["packaging/rpm/vscode-grim-reaper.spec", "packaging/rpm/source/vscode-grim-reaper.spec"];

const thirdParty = (what: string): string =>
  execFileSync("node", ["packaging/third-party.mjs", what], { encoding: "utf8" });

test("the spec names every module whose text is in dist, and its licence", () => {
  // esbuild names each file above its text: another witness than its metafile.
  const folders = readdirSync("dist")
    .filter((name) => name.endsWith(".cjs"))
    .flatMap((name) => [
      ...readFileSync(join("dist", name), "utf8").matchAll(
        /^\/\/ (.*\bnode_modules\/(?:@[^/\n]+\/)?[^/\n]+)/gm,
      ),
    ])
    .map(([, folder]) => folder as string);
  const modules = [...new Set(folders)].map((folder) =>
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8")),
  );
  assert.ok(modules.length >= 5);
  const provides = modules.map(({ name, version }) => `Provides: bundled(npm(${name})) = ${version}\n`);
  assert.deepEqual(thirdParty("provides").split(/(?<=\n)/), provides.sort());
  const expression = thirdParty("expression").trim().split(" AND ");
  for (const { license } of modules) assert.ok(expression.includes(license), license);
});

for (const spec of SPECS)
  test(`${spec}: its scriptlets print nothing and edit no PAM file`, () => {
    const text = readFileSync(spec, "utf8");
    const sections = text.split(
      /^(?=%(?:prep|build|install|check|pre|post|preun|postun|posttrans|files|changelog)\b)/m,
    );
    const scriptlets = sections.filter((section) => /^%(?:pre|post|preun|postun|posttrans)\b/.test(section));
    assert.ok(scriptlets.length >= 5);
    for (const scriptlet of scriptlets) assert.doesNotMatch(scriptlet, /pam|echo|printf|after-install/);
  });

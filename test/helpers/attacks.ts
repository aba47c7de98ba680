/** The attackers' programs of native/test/attacks. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const BUILT_IN = ["build/core/native/test", "build/native/test"];

/** Returns the path of an attack's program. @throws when it is not built */
export function attackBinary(name: string): string {
  const found = BUILT_IN.map((folder) => join(folder, `attack_${name}`)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`attack_${name} is not built; build it: sh scripts/ctest.sh`);
  return resolve(found);
}

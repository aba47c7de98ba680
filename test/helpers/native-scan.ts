// What the native scan finds of one process (native/core/snapshot/scan.cc).
import { exeName } from "../../src/core/observation/process.ts";
import type { ScanMarkers } from "../../src/core/recognition/scan-markers.ts";

/** By the beginning of its name. */
export function isCalled(exe: string, names: readonly string[]): boolean {
  return names.some((name) => exeName(exe).startsWith(name));
}

/** By the executable, or by a mark anywhere in the command line of one that may run a server. */
export function isSuspect(
  { exe, argv }: { exe: string; argv: readonly string[] },
  { exeMarkers, interpreters, argvMarkers }: ScanMarkers,
): boolean {
  const line = argv.map((element) => `${element} `).join("");
  if (exeMarkers.some((mark) => exe.includes(mark))) return true;
  return isCalled(exe, interpreters) && argvMarkers.some((mark) => line.includes(mark));
}

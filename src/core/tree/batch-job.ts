import { exeName, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { componentsOf, fitsAt, type Pattern } from "../recognition/path-pattern.ts";

/** The components that root named: below `user@UID.service` users name cgroups as they like. */
export function rootsComponents(path: string): string[] {
  const parts = componentsOf(path);
  const own = parts.findIndex((part) => /^user@\d+\.service$/.test(part));
  return own < 0 ? parts : parts.slice(0, own);
}

/** Names the batch system whose cgroup this is, or null. */
export function jobOfCgroup(path: string, { jobCgroups }: Catalogue): string | null {
  const own = rootsComponents(path);
  const holds = (run: Pattern): boolean => own.some((_, at) => fitsAt(own, at, run));
  return jobCgroups.find(({ runs }) => runs.some(holds))?.system ?? null;
}

/** The batch system that an ancestor belongs to, or null. Not as the tree's own user, who could take a daemon's name. */
export function jobOfAncestor(ancestor: Proc, treeUid: number, { jobDaemons }: Catalogue): string | null {
  if (ancestor.uid === treeUid) return null;
  return jobDaemons.find(({ programs }) => programs.includes(exeName(ancestor.exe)))?.system ?? null;
}

/** The batch job a process is in by its own cgroups, or null. */
export function jobOf({ cgroups }: Proc, catalogue: Catalogue): string | null {
  return (cgroups ?? []).map((path) => jobOfCgroup(path, catalogue)).find((job) => job !== null) ?? null;
}

/** Every variable that tells of a batch job, alone or with others. */
export function jobVariableNames(catalogue: Catalogue): string[] {
  return [...new Set(catalogue.jobEnvironments.flatMap(({ variables }) => variables))];
}

/** The batch system whose environment a process has, or null. A user can set these variables, so they only ever spare. */
export function jobOfEnvironment(process: Proc, catalogue: Catalogue): string | null {
  const held = new Set(process.jobVariables ?? []);
  const found = catalogue.jobEnvironments.find(({ variables }) => variables.every((name) => held.has(name)));
  return found?.system ?? null;
}

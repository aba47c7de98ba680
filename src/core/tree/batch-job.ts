import { exeName, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";

export const components = (path: string): string[] => path.split("/").filter(Boolean);

/** The components that root named: below `user@UID.service` users name cgroups as they like. */
export function rootsComponents(path: string): string[] {
  const parts = components(path);
  const own = parts.findIndex((part) => /^user@\d+\.service$/.test(part));
  return own < 0 ? parts : parts.slice(0, own);
}

/** Names the batch system whose cgroup this is, or null. */
export function jobOfCgroup(path: string): string | null {
  const parts = rootsComponents(path);
  for (const [i, part] of parts.entries()) {
    const next = parts[i + 1] ?? "";
    // v2 and v1 of Slurm; the slice above slurmstepd.scope is the site's choice, job_N below may be a SLUID.
    if (part === "slurmstepd.scope" || part.endsWith("_slurmstepd.scope")) return "Slurm";
    if (/^slurm(?:_.+)?$/.test(part) && /^uid_\d+$/.test(next)) return "Slurm";
    if (/^(?:pbspro|pbs_jobs|pbs)(?:\.slice|\.service)?$/.test(part) && next !== "") return "PBS";
    if (/^pbspro-.+\.slice$/.test(part)) return "PBS";
    if (part === "torque" && next !== "") return "Torque";
    if (part === "lsf" && parts.length > i + 2) return "LSF";
    if (/^(?:sge|SGE|UGE|uge|gridengine|ocs)$/.test(part) && next !== "") return "Grid Engine";
    if (/^(?:htcondor|condor)$/.test(part) && next !== "") return "HTCondor";
    if (part === "condor.service" && next !== "") return "HTCondor";
    if (/^flux(?:-.+)?\.service$/.test(part) || /^imp-shell-/.test(part)) return "Flux";
  }
  return null;
}

/** The programs that run jobs; counted only when they do not run as the tree's own user, who could take the name. */
const JOB_DAEMONS: Readonly<Record<string, string>> = {
  slurmstepd: "Slurm",
  slurmd: "Slurm",
  pbs_mom: "PBS",
  pbs_demux: "PBS",
  sge_shepherd: "Grid Engine",
  sge_execd: "Grid Engine",
  res: "LSF",
  sbatchd: "LSF",
  condor_starter: "HTCondor",
  condor_startd: "HTCondor",
  "flux-imp": "Flux",
};

/** The batch system that an ancestor belongs to, or null. */
export function jobOfAncestor(ancestor: Proc, treeUid: number): string | null {
  if (ancestor.uid === treeUid) return null;
  return JOB_DAEMONS[exeName(ancestor.exe)] ?? null;
}

/** The batch job a process is in by its own cgroups, or null. */
export function jobOf(process: Proc): string | null {
  for (const path of process.cgroups ?? []) {
    const job = jobOfCgroup(path);
    if (job) return job;
  }
  return null;
}

/** Every variable that tells of a batch job, alone or with others. */
export function jobVariableNames(catalogue: Catalogue): string[] {
  return [...new Set(catalogue.jobEnvironments.flatMap(({ variables }) => variables))];
}

/** The batch system whose environment a process has, or null. The user may have made it so: it only ever spares. */
export function jobOfEnvironment(process: Proc, catalogue: Catalogue): string | null {
  const held = new Set(process.jobVariables ?? []);
  const found = catalogue.jobEnvironments.find(({ variables }) => variables.every((name) => held.has(name)));
  return found?.system ?? null;
}

/** A client that holds a batch allocation (srun --pty, salloc): ending it ends the job. */
export function isJobClient(process: Proc, catalogue: Catalogue): boolean {
  return catalogue.jobClients.includes(exeName(process.exe));
}

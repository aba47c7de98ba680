import assert from "node:assert/strict";
import test from "node:test";
import {
  jobOfAncestor,
  jobOfCgroup,
  jobOfEnvironment,
  jobVariableNames,
} from "../../../src/core/tree/batch-job.ts";
import { isMultiplexer, managerOf, managersHere } from "../../../src/core/tree/boundary.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { proc } from "../../helpers/proc.ts";

const USER_MANAGER = "/user.slice/user-2001.slice/user@2001.service";

const cgroups: readonly (readonly [path: string, system: string | null])[] = [
  ["/system.slice/slurmstepd.scope/job_5/step_0", "Slurm"],
  ["/hpc.slice/n1_slurmstepd.scope/sABC", "Slurm"],
  ["/slurm/uid_2001/job_7/step_0", "Slurm"],
  ["/slurm_n1/uid_2001/job_7", "Slurm"],
  ["/slurm/job_7", null],
  ["/slurms/uid_2001", null],
  ["/pbs_jobs.service/jobid/1.srv", "PBS"],
  ["/pbspro.service/jobid/1.srv", "PBS"],
  ["/pbs.slice/1.srv", "PBS"],
  ["/pbs/1.srv", "PBS"],
  ["/pbs", null],
  ["/pbspro-12.srv.slice", "PBS"],
  ["/torque/12.srv", "Torque"],
  ["/torque", null],
  ["/lsf/cluster/job.5.1", "LSF"],
  ["/lsf/cluster", null],
  ["/sge/5.1", "Grid Engine"],
  ["/SGE/5.1", "Grid Engine"],
  ["/uge/5.1", "Grid Engine"],
  ["/UGE/5.1", "Grid Engine"],
  ["/gridengine/5.1", "Grid Engine"],
  ["/ocs/5.1", "Grid Engine"],
  ["/UGE", null],
  ["/htcondor/condor_slot1", "HTCondor"],
  ["/condor/slot1", "HTCondor"],
  ["/condor", null],
  ["/system.slice/condor.service/slot1", "HTCondor"],
  ["/system.slice/condor.service", null],
  ["/system.slice/flux.service", "Flux"],
  ["/system.slice/flux-shell.service", "Flux"],
  ["/system.slice/imp-shell-7", "Flux"],
  ["/system.slice/fluxx.service", null],
  ["/user.slice/user-2001.slice/session-7.scope", null],
  ["/", null],
  // What only begins or ends like a batch system's: the database InfluxDB, a site's own names.
  ["/system.slice/influx.service", null],
  ["/system.slice/flux.service.d", null],
  ["/system.slice/x-imp-shell-7", null],
  ["/myslurm/uid_5", null],
  ["/slurm/my_uid_5", null],
  ["/mypbs/1.srv", null],
  ["/pbsx/1.srv", null],
  ["/my-pbspro-12.srv.slice", null],
  ["/pbspro-12.srv.slice.d", null],
  ["/mysge/5.1", null],
  ["/sgex/5.1", null],
  ["/mycondor/slot1", null],
  ["/condorx/slot1", null],
  // Root's own services, which are called almost like a user's service manager.
  ["/system.slice/x-user@2001.service/slurmstepd.scope/job_5", "Slurm"],
  ["/system.slice/user@2001.service.d/slurmstepd.scope/job_5", "Slurm"],
  ["/user@2001.service/slurmstepd.scope/job_5", null],
  // Users name what is below their service manager.
  [`${USER_MANAGER}/app.slice/slurmstepd.scope/job_5`, null],
  [`${USER_MANAGER}/slurm/uid_2001/job_7`, null],
];
for (const [path, system] of cgroups)
  test(`the batch system of ${path}: ${system ?? "none"}`, () =>
    assert.equal(jobOfCgroup(path, DEFAULT_POLICY.catalogue), system));

test("a batch daemon is one only as another user than the tree's", () => {
  const jobBelow = (uid: number, exe: string): string | null =>
    jobOfAncestor(proc({ pid: 7, uid, exe }), 2001, DEFAULT_POLICY.catalogue);
  assert.equal(jobBelow(0, "/usr/sbin/pbs_mom"), "PBS");
  assert.equal(jobBelow(2001, "/usr/sbin/pbs_mom"), null);
  assert.equal(jobBelow(0, "/usr/bin/bash"), null);
});

const environments: readonly (readonly [names: readonly string[], system: string | null])[] = [
  [["SLURM_JOB_ID"], "Slurm"],
  [["PBS_JOBID"], "PBS"],
  [["LSB_JOBID"], "LSF"],
  [["JOB_ID", "SGE_ROOT"], "Grid Engine"],
  [["SGE_TASK_ID", "JOB_ID"], "Grid Engine"],
  [["_CONDOR_JOB_AD"], "HTCondor"],
  [["_CONDOR_SCRATCH_DIR"], "HTCondor"],
  [["FLUX_JOB_ID"], "Flux"],
  [["JOB_ID"], null],
  [["SGE_ROOT", "SGE_TASK_ID"], null],
  [[], null],
];
for (const [jobVariables, system] of environments)
  test(`the batch system of ${jobVariables.join(" and ") || "no variable"}: ${system ?? "none"}`, () =>
    assert.equal(jobOfEnvironment(proc({ pid: 7, jobVariables }), DEFAULT_POLICY.catalogue), system));

test("every variable by which a batch job is known is asked for, each once", () => {
  const names = jobVariableNames(DEFAULT_POLICY.catalogue);
  for (const name of ["SLURM_JOB_ID", "PBS_JOBID", "SGE_ROOT"]) assert.ok(names.includes(name), name);
  assert.equal(new Set(names).size, names.length);
});

const NOWHERE = managersHere([], []);

const managers: readonly (readonly [path: string, manager: string | null])[] = [
  ["/docker/docker-0af1.scope", "container docker-0af1.scope"],
  ["/x/libpod-0af1", "container libpod-0af1"],
  ["/x/crio-0af1.scope", "container crio-0af1.scope"],
  ["/x/cri-containerd-0af1.scope", "container cri-containerd-0af1.scope"],
  ["/kubepods.slice/kubepods-burstable.slice/pod1", "container kubepods.slice"],
  ["/kubepods/pod1", "container kubepods"],
  ["/machine.slice/mine", "machine.slice"],
  ["/x/docker-compose.scope", null],
  ["/x/mydocker-0af1.scope", null],
  ["/x/mykubepods", null],
  ["/system.slice/mysshd.service", "mysshd.service"],
  ["/system.slice/x-user@2001.service", "x-user@2001.service"],
  ["/system.slice/tinysshd@37-10.0.0.1:22-10.0.0.2:51234.service", null],
  [`/docker/x${"0af1".repeat(16)}`, null],
  [`/docker/${"0af1".repeat(16)}x`, null],
  ["/system.slice/ide.service", "ide.service"],
  [`${USER_MANAGER}/app.slice/ide.service`, "ide.service"],
  [`${USER_MANAGER}/app.slice/docker-0af1.scope`, null],
  [`${USER_MANAGER}/machine.slice/x.scope`, null],
  [USER_MANAGER, null],
  ["/system.slice/ssh.service", null],
  ["/system.slice/sshd.service", null],
  ["/system.slice/dropbear.service", null],
  ["/system.slice/sshd@7-1.service", null],
  // One connection's of any ssh server (systemd.socket(5), Accept=yes).
  ["/system.slice/tinysshd@3-10.0.0.1:22-10.0.0.2:51234.service", null],
  ["/system.slice/tinysshd@3-17-10.0.0.1:22-10.0.0.2:51234.service", null],
  ["/system.slice/x@3-[fe80::1]:22-[fe80::2]:51234.service", null],
  // Names of which only a part is such a name.
  ["/system.slice/user@2001.service-x.service", "user@2001.service-x.service"],
  ["/system.slice/sshd.service-x.service", "sshd.service-x.service"],
  ["/system.slice/a@b@3-10.0.0.1:22-10.0.0.2:51234.service", "a@b@3-10.0.0.1:22-10.0.0.2:51234.service"],
  ["/system.slice/x@3-[::1]:22-[::2]:51.service-x.service", "x@3-[::1]:22-[::2]:51.service-x.service"],
  ["/system.slice/ide@3.service", "ide@3.service"],
  ["/system.slice/ide@alice-1:2-3:4.service", "ide@alice-1:2-3:4.service"],
  [`/docker/${"0af1".repeat(16)}`, `container ${"0af1".repeat(16)}`],
  [`/docker/${"0af1".repeat(15)}`, null],
];
for (const [path, manager] of managers)
  test(`what manages a process in ${path}: ${manager ?? "nothing"}`, () =>
    assert.equal(managerOf(proc({ pid: 500, cgroups: [path] }), NOWHERE), manager));

test("any of a process's cgroups may show its manager", () => {
  const process = proc({ pid: 500, cgroups: ["/user.slice", "/kubepods/pod1"] });
  assert.equal(managerOf(process, NOWHERE), "container kubepods");
  assert.equal(managerOf(proc({ pid: 500, cgroups: null }), NOWHERE), null);
});

test("the container that the login node itself is does not manage its logins", () => {
  const pod = "/kubepods.slice/kubepods-pod7.slice/cri-containerd-0af1.scope";
  const process = proc({ pid: 500, cgroups: [`${pod}/user.slice/user-2001.slice/session-7.scope`] });
  assert.equal(managerOf(process, managersHere([], [pod])), null);
  const sshd = proc({ pid: 7, uid: 0, cgroups: [`${pod}/sshd`] });
  assert.equal(managerOf(process, managersHere([sshd], [])), null);
  const inner = proc({ pid: 500, cgroups: [`${pod}/docker-77.scope`] });
  assert.equal(managerOf(inner, managersHere([], [pod])), "container docker-77.scope");
});

test("the service of root's ssh server holds sessions; its user's manager is not one", () => {
  const here = managersHere([proc({ pid: 7, uid: 0, cgroups: ["/system.slice/hpn.service"] })], []);
  assert.equal(managerOf(proc({ pid: 500, cgroups: ["/system.slice/hpn.service"] }), here), null);
  assert.equal(managerOf(proc({ pid: 500, cgroups: ["/system.slice/ide.service"] }), here), "ide.service");
  for (const cgroups of [[USER_MANAGER], null])
    assert.deepEqual([...managersHere([proc({ pid: 7, cgroups })], []).services], []);
});

/** Programs under the names that they are really installed by. */
const MULTIPLEXERS = [
  ...["tmux", "tmux: server", "tmux-3.4", "tmux-static", "tmux.appimage", "tmate", "/usr/bin/tmux"],
  ...["screen", "SCREEN", "screen-4.9.1", "zellij", "zellij-0.43", "dtach", "abduco", "byobu", "byobu-tmux"],
  ...["shpool", "wezterm-mux-server", "mosh-server", "/home/alice/.waveterm/bin/wsh"],
];
const OTHERS = [
  ...["tmuxinator", "screenfetch", "xscreensaver", "bash", "", "code-tunnel", "mosh-client", "wezterm"],
  ...["wsh", "/usr/local/bin/wsh", "/home/tmux/bash"],
];
for (const name of [...MULTIPLEXERS, ...OTHERS])
  test(`${JSON.stringify(name)} is ${MULTIPLEXERS.includes(name) ? "" : "not "}a multiplexer`, () =>
    assert.equal(
      isMultiplexer(proc({ pid: 9, exe: name }), DEFAULT_POLICY.catalogue),
      MULTIPLEXERS.includes(name),
    ));

const ownNames: readonly (readonly [comm: string, isOne: boolean])[] = [
  ["mymux: server", true],
  ["tmux3.3a: serve", true],
  ["server", false],
  ["postgres: walwr", false],
];
for (const [comm, isOne] of ownNames)
  test(`a program of another name that calls itself ${comm} is ${isOne ? "a" : "not a"} multiplexer`, () =>
    assert.equal(isMultiplexer(proc({ pid: 9, exe: "/opt/x/mine", comm }), DEFAULT_POLICY.catalogue), isOne));

import { countOf } from "../../../core/text/format.ts";
import { type Check, fault, ok, warning } from "./check.ts";
import type { Examination, FileFacts } from "./examination.ts";
import { isModule, type PamLine } from "./pam.ts";

/** The hook's side of `doctor`: the PAM line, the environment that users may set, the program, the tags. */

const ADD = 'add the line of pam/README.md, or run "pam-auth-update --enable vscode-grim-reaper" on Debian';

/** Others than root may write it, so it is not to be run or believed by root. */
const isOpen = ({ uid, mode }: FileFacts): boolean => uid !== 0 || (mode & 0o022) !== 0;
const octal = (mode: number): string => mode.toString(8).padStart(4, "0");
const at = ({ file, line }: PamLine): string => `/etc/pam.d/${file}:${line}`;

export function checkHookSide(seen: Examination): Check[] {
  return [checkPam(seen), checkUsePam(seen), checkUserEnvironment(seen), checkHook(seen), checkTags(seen)];
}

function checkPam({ pam, hookPath }: Examination): Check {
  const name = "PAM line";
  if (pam === null) return warning(name, "there is no /etc/pam.d/sshd that can be read", ADD);
  const runs = pam.filter((line) => isModule(line, "pam_exec.so") && line.args.some((arg) => isHook(arg)));
  const [line] = runs;
  if (!line)
    return warning(
      name,
      "sshd's stack does not run session-close: orphans are dated by their age alone",
      ADD,
    );
  const wrong = faultsOf(line, hookPath);
  if (wrong !== null) return fault(name, `${at(line)}: ${wrong}`, "write it as in pam/sshd.snippet");
  if (runs.length > 1)
    return warning(
      name,
      `session-close runs ${runs.length} times: ${runs.map(at).join(", ")}`,
      "keep one line",
    );
  const dating = pam.some((other) => isModule(other, "pam_loginuid.so") || isModule(other, "pam_systemd.so"));
  if (!dating)
    return fault(
      name,
      "neither pam_loginuid nor pam_systemd is in the stack, so the hook cannot identify the user of a closing session",
      "add: session required pam_loginuid.so",
    );
  return ok(name, `${at(line)}, optional, at close_session`);
}

const isHook = (arg: string): boolean => arg.split("/").at(-1) === "session-close";

function faultsOf({ type, control, args }: PamLine, hookPath: string): string | null {
  if (type !== "session") return `it is a line of ${type}, and must be one of session`;
  if (control !== "optional") return `it is "${control}": when it fails, so do logins; it must be "optional"`;
  const path = args.find(isHook);
  if (path !== hookPath) return `it runs ${path}, and the program is ${hookPath}`;
  const own = args.slice(0, args.indexOf(path));
  if (!own.includes("type=close_session"))
    return '"type=close_session" is missing: it would run at login as well';
  if (own.includes("seteuid")) return '"seteuid" takes root\'s rights away, which it needs';
  return null;
}

function checkUsePam({ usePam }: Examination): Check {
  const name = "sshd UsePAM";
  if ("failed" in usePam) return warning(name, `unknown: ${usePam.failed}`, 'run "sshd -T | grep -i usepam"');
  return usePam.value
    ? ok(name, "yes")
    : fault(
        name,
        "no: sshd runs no session modules, so the hook never runs",
        "set UsePAM yes in sshd_config",
      );
}

function checkUserEnvironment({ pam }: Examination): Check {
  const name = "user_readenv";
  const open = (pam ?? []).filter(
    (line) => isModule(line, "pam_env.so") && line.args.some((arg) => /^user_readenv=[1-9]/.test(arg)),
  );
  const [line] = open;
  if (!line) return ok(name, "users cannot set the environment of PAM's programs");
  return warning(
    name,
    `${at(line)}: users may put any variable, LD_PRELOAD too, into the environment of programs that PAM runs as root; session-close is safe from it, others are not`,
    "take user_readenv=1 out",
  );
}

function checkHook({ hook, hookPath, hookFaults, pam }: Examination): Check {
  const name = "session-close";
  const wanted = pam?.some((line) => line.args.includes(hookPath)) ?? false;
  if (hook === null) {
    const detail = `${hookPath} is not there`;
    const remedy = "install it, or take the PAM line out";
    return wanted ? fault(name, detail, remedy) : warning(name, detail, remedy);
  }
  if (hook.kind !== "file" || isOpen(hook))
    return fault(
      name,
      `${hookPath} belongs to uid ${hook.uid}, mode ${octal(hook.mode)}: others than root could change what PAM runs as root`,
      `chown root:root ${hookPath}; chmod 755 ${hookPath}`,
    );
  if ((hook.mode & 0o111) === 0) return fault(name, `${hookPath} is not executable`, `chmod 755 ${hookPath}`);
  if (hook.isStatic !== true)
    return fault(
      name,
      `${hookPath} is not a static program: a user's LD_PRELOAD could reach it`,
      "install the program of the package",
    );
  if ("failed" in hookFaults)
    return warning(name, "static, root's alone; only root can read its faults", "run doctor as root");
  if (hookFaults.value > 0)
    return warning(
      name,
      `static, root's alone; it met ${countOf(hookFaults.value, "fault")} since boot`,
      "journalctl -p warning SYSLOG_FACILITY=4 -t vscode-grim-reaper",
    );
  return ok(name, "static, root's alone, no faults since boot");
}

function checkTags({ tagsFolder, tags }: Examination): Check {
  const name = "tags";
  const remedy = "remove the folder: it is made again as it must be";
  if ("failed" in tagsFolder) return warning(name, tagsFolder.failed, "run doctor as root");
  const folder = tagsFolder.value;
  if (folder === null) return ok(name, "no folder yet; the first logout makes it");
  if (folder.kind !== "folder" || folder.uid !== 0 || (folder.mode & 0o007) !== 0)
    return fault(
      name,
      `the folder belongs to uid ${folder.uid}, mode ${octal(folder.mode)}; it must be root's and closed to others`,
      remedy,
    );
  if ("failed" in tags) return fault(name, tags.failed, remedy);
  const { valid, faults } = tags.value;
  if (faults.length > 0)
    return warning(
      name,
      `${faults.length} unreadable of ${valid + faults.length}: ${faults[0]}`,
      "remove those files",
    );
  return ok(name, `${countOf(valid, "tag")}, the folder is root's alone`);
}

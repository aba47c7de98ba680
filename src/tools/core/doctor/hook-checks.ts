/** The hook's side of `doctor`: the PAM line, the environment that users may set, the program, the tags. */

import { countOf } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import { type Checks, fault, unknown, warning } from "./check.ts";
import type { FileFacts } from "./examination.ts";
import { isModule, type PamLine } from "./pam.ts";

const ADD = 'add the line of pam/README.md, or run "pam-auth-update --enable vscode-grim-reaper" on Debian';

/** Others than root may write it, so it is not to be run or believed by root. */
const isOpen = ({ uid, mode }: FileFacts): boolean => uid !== 0 || (mode & 0o022) !== 0;
const octal = (mode: number): string => mode.toString(8).padStart(4, "0");
const at = ({ file, line }: PamLine): string => `/etc/pam.d/${file}:${line}`;
const isHook = (arg: string): boolean => arg.split("/").at(-1) === "session-close";

/** Says what is wrong with the line that runs the hook; null: nothing. */
function faultOf({ type, control, args }: PamLine, hookPath: string): string | null {
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

export const HOOK_CHECKS: Checks = {
  "PAM line": ({ pam, hookPath }) => {
    if (pam === null) return warning("there is no /etc/pam.d/sshd that can be read", ADD);
    const runs = pam.filter((line) => isModule(line, "pam_exec.so") && line.args.some(isHook));
    const [line] = runs;
    if (!line)
      return warning("sshd's stack does not run session-close: orphans are dated by their age alone", ADD);
    const wrong = faultOf(line, hookPath);
    if (wrong !== null) return fault(`${at(line)}: ${wrong}`, "write it as in pam/sshd.snippet");
    if (runs.length > 1)
      return warning(`session-close runs ${runs.length} times: ${runs.map(at).join(", ")}`, "keep one line");
    if (pam.some((one) => isModule(one, "pam_loginuid.so") || isModule(one, "pam_systemd.so")))
      return `${at(line)}, optional, at close_session`;
    return fault(
      "neither pam_loginuid nor pam_systemd is in the stack, so the hook cannot identify the user of a closing session",
      "add: session required pam_loginuid.so",
    );
  },

  "sshd UsePAM": ({ sshd }) => {
    if ("failed" in sshd) return unknown(sshd, 'run "sshd -T | grep -i usepam"');
    if (/^usepam yes$/m.test(sshd.value)) return "yes";
    const detail = "no: sshd runs no session modules, so the hook never runs";
    return fault(detail, "set UsePAM yes in sshd_config");
  },

  user_readenv: ({ pam }) => {
    const line = pam?.find(
      (one) => isModule(one, "pam_env.so") && one.args.some((arg) => /^user_readenv=[1-9]/.test(arg)),
    );
    if (!line) return "users cannot set the environment of PAM's programs";
    return warning(
      `${at(line)}: users may put any variable, LD_PRELOAD too, into the environment of programs that PAM runs as root; session-close is safe from it, others are not`,
      "take user_readenv=1 out",
    );
  },

  "session-close": ({ hook, hookPath, hookFaults, pam }) => {
    if (hook === null) {
      const say = pam?.some((line) => line.args.includes(hookPath)) ? fault : warning;
      return say(`${hookPath} is not there`, "install it, or take the PAM line out");
    }
    if (!hook.isFile || isOpen(hook))
      return fault(
        `${hookPath} belongs to uid ${hook.uid}, mode ${octal(hook.mode)}: others than root could change what PAM runs as root`,
        `chown root:root ${hookPath}; chmod 755 ${hookPath}`,
      );
    if ((hook.mode & 0o111) === 0) return fault(`${hookPath} is not executable`, `chmod 755 ${hookPath}`);
    if (!hook.isStatic) {
      const detail = `${hookPath} is not a static program: a user's LD_PRELOAD could reach it`;
      return fault(detail, "install the program of the package");
    }
    if ("failed" in hookFaults)
      return warning("static, root's alone; only root can read its faults", "run doctor as root");
    if (hookFaults.value === 0) return "static, root's alone, no faults since boot";
    const detail = `static, root's alone; it met ${countOf(hookFaults.value, "fault")} since boot`;
    return warning(detail, "journalctl -p warning SYSLOG_FACILITY=4 -t vscode-grim-reaper");
  },

  tags: ({ uid, tags }) => {
    if (uid !== 0) return warning("only root can read them", "run doctor as root");
    if ("failed" in tags) return unknown(tags, "remove the folder: it is made again as it must be");
    const { folder, valid, faults } = tags.value;
    if (folder === null) return "no folder yet; the first logout makes it";
    const place = `the folder has uid ${folder.uid}, gid ${folder.gid}, mode ${octal(folder.mode)}`;
    if (faults.length === 0) return `${countOf(valid, "tag")}; ${place}`;
    return fault(`${escapeText(faults.join("; "))}; ${place}`, "remove what it names: no tag of it counts");
  },
};

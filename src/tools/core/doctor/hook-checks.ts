/** The hook's side of `doctor`: the PAM line and the program. */

import { countOf } from "../../../core/text/format.ts";
import { type Checks, fault, unknown, warning } from "./check.ts";
import { HOOK } from "./examination.ts";
import { isModule, type PamLine } from "./pam.ts";

const ADD = 'add the line of pam/README.md, or run "pam-auth-update --enable vscode-grim-reaper" on Debian';

const at = ({ file, line }: PamLine): string => `/etc/pam.d/${file}:${line}`;
const isHook = (arg: string): boolean => arg.split("/").at(-1) === "session-close";

/** Says what is wrong with the line that runs the hook; null: nothing. */
function faultOf({ type, control, args }: PamLine): string | null {
  if (type !== "session") return `it is a line of ${type}, and must be one of session`;
  if (control !== "optional") return `it is "${control}": when it fails, so do logins; it must be "optional"`;
  const path = args.find(isHook);
  if (path !== HOOK) return `it runs ${path}, and the program is ${HOOK}`;
  const own = args.slice(0, args.indexOf(path));
  if (!own.includes("type=close_session"))
    return '"type=close_session" is missing: it would run at login as well';
  if (own.includes("seteuid")) return '"seteuid" takes root\'s rights away, which it needs';
  return null;
}

export const HOOK_CHECKS: Checks = {
  "PAM line": ({ pam }) => {
    if (pam === null) return warning("there is no /etc/pam.d/sshd that can be read", ADD);
    const runs = pam.filter((line) => isModule(line, "pam_exec.so") && line.args.some(isHook));
    const [line] = runs;
    if (!line)
      return warning("sshd's stack does not run session-close: orphans are dated by their age alone", ADD);
    const wrong = faultOf(line);
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
    return fault("no: sshd runs no session modules, so the hook never runs", "set UsePAM yes in sshd_config");
  },

  "session-close": ({ hook, hookFaults, pam }) => {
    if (hook === null) {
      const say = pam?.some((line) => line.args.includes(HOOK)) ? fault : warning;
      return say(`${HOOK} is not there`, "install it, or take the PAM line out");
    }
    const { uid, mode, isFile, isStatic } = hook;
    const is = `${HOOK} belongs to uid ${uid}, mode ${mode.toString(8).padStart(4, "0")}`;
    const remedy = `chown root:root ${HOOK}; chmod 755 ${HOOK}`;
    if (!isFile || uid !== 0 || (mode & 0o022) !== 0)
      return fault(`${is}: others than root could change what PAM runs as root`, remedy);
    if ((mode & 0o111) === 0) return fault(`${is}: it is not executable`, remedy);
    if (!isStatic) {
      const detail = `${HOOK} is not a static program: a user's LD_PRELOAD could reach it`;
      return fault(detail, "install the program of the package");
    }
    if ("failed" in hookFaults)
      return warning("static, root's alone; only root can read its faults", "run doctor as root");
    if (hookFaults.value === 0) return "static, root's alone, no faults since boot";
    const detail = `static, root's alone; it met ${countOf(hookFaults.value, "fault")} since boot`;
    return warning(detail, "journalctl -p warning SYSLOG_FACILITY=4 -t vscode-grim-reaper");
  },
};

#!/bin/bash
# Links the module into a policy in CIL, with all its neverallow rules, and asks what each domain may do: `ask.sh BASE.cil`.
# Called by rhel-policy.sh; needs secilc and python3-setools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
base=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cat >"$work/session.cil" <<'CIL'
(type sshd_session_t)
(roletype system_r sshd_session_t)
(typeattributeset domain (sshd_session_t))
(typeattributeset ssh_server (sshd_session_t))
CIL
grep -q '^(type sshd_session_t)' "$base" && : >"$work/session.cil"
secilc -M 1 -c 31 -o "$work/policy" -f "$work/contexts" "$base" "$work/session.cil" \
  "$here/../../packaging/selinux/vscode-grim-reaper.cil"
echo "links, no neverallow violated"
cd "$here/../.."
node --input-type=module -e '
  import { build } from "esbuild";
  const { outputFiles: [{ text }] } =
    await build({ entryPoints: ["test/selinux/operations.ts"], bundle: true, format: "esm", write: false });
  const { OPERATIONS } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  for (const { needs } of OPERATIONS) for (const need of needs) console.log(`vscode_grim_reaper_hook_t ${need}`);
' >"$work/questions"
cat >>"$work/questions" <<'END'
sshd_t vscode_grim_reaper_hook_t process transition
sshd_session_t vscode_grim_reaper_hook_t process transition
init_t unconfined_service_t process transition
init_t vscode_grim_reaper_var_run_t dir mounton
init_t vscode_grim_reaper_log_t dir mounton
systemd_tmpfiles_t vscode_grim_reaper_var_run_t dir create setattr getattr relabelto
systemd_tmpfiles_t vscode_grim_reaper_log_t dir create setattr getattr relabelto
systemd_tmpfiles_t vscode_grim_reaper_log_t file create setattr getattr open write
unconfined_service_t vscode_grim_reaper_var_run_t dir search write add_name remove_name
unconfined_service_t vscode_grim_reaper_var_run_t file create open read write rename unlink lock
unconfined_service_t vscode_grim_reaper_log_t file open append getattr
unconfined_service_t var_lib_t file create open write rename unlink
unconfined_service_t self capability sys_ptrace kill dac_read_search
unconfined_service_t self netlink_tcpdiag_socket create write read
unconfined_service_t user_t process signal sigkill
unconfined_service_t user_t file open read
logrotate_t vscode_grim_reaper_log_t dir search write add_name remove_name
logrotate_t vscode_grim_reaper_log_t file create open read write rename setattr unlink
logrotate_t self capability chown fowner dac_override
user_t bin_t file execute execute_no_trans
user_t var_lib_t file open read
user_t var_run_t dir search
staff_t bin_t file execute execute_no_trans
staff_t var_lib_t file open read
staff_t var_run_t dir search
! logrotate_t var_lib_t file rename
! user_t vscode_grim_reaper_log_t file read
! user_t vscode_grim_reaper_var_run_t file write
! staff_t vscode_grim_reaper_var_run_t file write
! vscode_grim_reaper_hook_t user_t file read
! vscode_grim_reaper_hook_t user_t process sigkill
END
/usr/bin/python3 - "$work/policy" "$work/questions" <<'PYTHON'
import sys
import setools

policy = setools.SELinuxPolicy(sys.argv[1])
wrong = 0
questions = open(sys.argv[2]).read().splitlines()
for question in questions:
    forbidden = question.startswith("! ")
    source, target, target_class, *permissions = question.removeprefix("! ").split()
    rules = setools.TERuleQuery(policy, ruletype=["allow"], source=source, target=source if target == "self" else target,
                                tclass=[target_class]).results()
    # A rule under a boolean counts only where it must not be.
    given = {permission for rule in rules if forbidden or not hasattr(rule, "_conditional") or rule._conditional is None for permission in rule.perms}
    lacks = [permission for permission in permissions if (permission in given) == forbidden]
    if lacks:
        wrong += 1
        print(f"{'may' if forbidden else 'may not'}: {question} ({' '.join(lacks)})")
print(f"{len(questions)} questions, {wrong} answered otherwise")
sys.exit(1 if wrong else 0)
PYTHON

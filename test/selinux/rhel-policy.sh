#!/bin/bash
# By hand: the module against a policy of RHEL's, which no package of Debian's has. `rhel-policy.sh CHECKOUT BRANCH...`, where CHECKOUT
# is a clone of github.com/fedora-selinux/selinux-policy with the branches c9s, c10s and rawhide (which has the list of modules).
# Builds each policy, links the module into it with all neverallow rules, and asks for every operation (ask.py).
# Needs checkpolicy, secilc, m4, make, python3-setools; 3 minutes for each on two processors, and 500 MB below /tmp.
# Approximations: named file transitions, role transitions, and calls of interfaces of modules that are elsewhere (container,
# ipa, passt) are left out; sshd_session_t, which is younger than these branches, is added with the attributes of sshd_t.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
settings=(MONOLITHIC=y TYPE=mcs NAME=targeted DISTRO=redhat UBAC=n DIRECT_INITRC=n UNK_PERMS=allow MLS_CATS=1024 MCS_CATS=1024)

# What checkpolicy cannot read of a policy.conf: calls that m4 left as they were, and the blocks that are empty without them.
cat >"$work/mend.py" <<'PYTHON'
import re, sys
unread = re.compile(r'#line|#####|\s*$|\s*[a-z_0-9]+\([^)]*\)\s*;?\s*$|\s*type_transition .*"\s*;|\s*role_transition')
text = "".join(line for line in open(sys.argv[1], errors="replace") if not unread.match(line))
empty = re.compile(r"optional \{\s*(?:#[^\n]*\n\s*)*(?:require \{\s*(?:(?:type|attribute|role|class|bool)[^;{}]*(?:\{[^}]*\})?;\s*)*"
                   r"\} # end require\s*)*\} # end optional\n")
while True:
    text, count = empty.subn("", text)
    text, more = re.subn(r"\n\s*if \([^\n]*\) \{\s*\}(?: else \{\s*\})?\s*(?=\n)", "\n", text)
    if count + more == 0:
        break
open(sys.argv[1], "w").write(text)
PYTHON

failed=0
for branch; do
  tree=$work/$branch
  mkdir "$tree"
  git -C "$checkout" archive "$branch" | tar --extract --directory="$tree"
  cd "$tree"
  make "${settings[@]}" conf >"$work/log" 2>&1
  git -C "$checkout" show rawhide:dist/targeted/modules.conf >policy/modules.conf
  # A module that the branch lacks.
  while absent=$(make -n "${settings[@]}" policy.conf 2>&1 >/dev/null | sed -n "s/.*No rule to make target '\([^']*\)\.te'.*/\1/p") && [ -n "$absent" ]; do
    sed -i "/^$absent = /d" policy/modules.conf
  done
  make "${settings[@]}" policy.conf >>"$work/log" 2>&1
  /usr/bin/python3 "$work/mend.py" policy.conf
  # A type that only a module elsewhere declares.
  until checkpolicy -M -C -o base.cil policy.conf >"$work/log" 2>&1; do
    type=$(sed -n 's/.*unknown type \([a-z_0-9]*\).*/\1/p' "$work/log" | head -n 1)
    [ -n "$type" ] || { tail -n 5 "$work/log" >&2; exit 1; }
    sed -i "/\b$type\b/d" policy.conf
    /usr/bin/python3 "$work/mend.py" policy.conf
  done
  echo "=== $branch"
  bash "$here/ask.sh" base.cil || failed=1
  cd "$here"
  rm -rf "$tree"
done
exit "$failed"

#!/bin/bash
# Writes a policy in CIL, like that of RHEL: `rhel-policy.sh OUT.cil [CHECKOUT BRANCH [CONTRIB]]`.
#   OUT.cil alone      from the reference policy of Debian's package selinux-policy-src, from which RHEL's is a fork, with the build
#                      options of RHEL and without the module "unconfined", which would allow init_t everything. What RHEL's
#                      policies have besides is in rhel.cil. A minute.
#   CHECKOUT BRANCH    by hand, RHEL's own: a clone of github.com/fedora-selinux/selinux-policy and its branch f30 (RHEL 8), c9s or
#                      c10s. f30 needs CONTRIB, a clone of fedora-selinux/selinux-policy-contrib. Left out of it: named file
#                      transitions, role transitions, the user unconfined_u of f30, and calls of interfaces of modules that are
#                      elsewhere (container, ipa, passt).
# rhel.test.ts asks the policies. Needs checkpolicy, m4, make, gawk, zstd, python3, 300 MB below /tmp.
set -euo pipefail
out=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
settings=(MONOLITHIC=y TYPE=mcs NAME=targeted DISTRO=redhat SYSTEMD=y UBAC=n DIRECT_INITRC=n UNK_PERMS=allow MLS_CATS=1024 MCS_CATS=1024)
mkdir "$work/policy"
cd "$work/policy"

make_policy() { make "${settings[@]}" "$@" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }; }
compile() { checkpolicy -M -C -o "$out" policy.conf >"$work/log" 2>&1; }
failed() { tail -n 5 "$work/log" >&2; exit 1; }

if [ $# = 1 ]; then
  tar --zstd --extract --strip-components=1 --file=/usr/src/selinux-policy-src.tar.zst
  sed -i 's/^unconfined = .*/unconfined = off/' policy/modules.conf
  make_policy policy.conf
  compile || failed
  exit
fi

checkout=$2 branch=$3 contrib=${4:-}
git -C "$checkout" archive "$branch" | tar --extract
[ -z "$contrib" ] || git -C "$contrib" archive "$branch" | tar --extract --directory=policy/modules/contrib
make_policy conf
# The list of the modules that RHEL's package builds, less those that the branch lacks.
git -C "$checkout" show rawhide:dist/targeted/modules.conf >policy/modules.conf
while
  make -n "${settings[@]}" policy.conf >/dev/null 2>"$work/log" || true
  absent=$(sed -n "s/.*No rule to make target '\([^']*\)\.te'.*/\1/p" "$work/log")
  [ -n "$absent" ]
do
  sed -i "/^$absent = /d" policy/modules.conf
done
make_policy policy.conf

# What checkpolicy cannot read of a policy.conf: calls that m4 left as they were, and the blocks that are empty without them.
cat >"$work/mend.py" <<'PYTHON'
import re, sys
unread = re.compile(r'#line|#####|\s*$|\s*[a-z_0-9]+\([^)]*\)\s*;?\s*$|\s*type_transition .*"\s*;|\s*role_transition|user unconfined_u ')
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
/usr/bin/python3 "$work/mend.py" policy.conf
# A type that only a module elsewhere declares.
until compile; do
  type=$(sed -n 's/.*unknown type \([a-z_0-9]*\).*/\1/p' "$work/log" | head -n 1)
  [ -n "$type" ] || failed
  sed -i "/\b$type\b/d" policy.conf
  /usr/bin/python3 "$work/mend.py" policy.conf
done

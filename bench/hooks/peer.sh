#!/bin/sh
# What a hook in shell would do at least: find the user's server trees and note the time of the logout for each.
[ "$PAM_TYPE" = close_session ] || exit 0
mkdir -p /run/bench-peer-sh
now=$(cut -d. -f1 /proc/uptime)
ps -u "$PEER_UID" -o pid=,ppid=,args= | while read -r pid _ args; do
  case $args in
    */.vscode-server/*server-main.js*) echo "$now" >"/run/bench-peer-sh/$pid" ;;
  esac
done

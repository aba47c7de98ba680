# shellcheck shell=sh
# For /etc/profile.d: shows users at login, on a terminal, which of their servers vscode-grim-reaper stopped.
# Every login shell of every user reads this file (sh, bash, zsh, ksh; vscode-grim-reaper.csh starts it for csh). So it
# writes nothing to a stream that a program reads (scp, rsync, git, an editor that reads the environment), does not fail,
# wait or leave anything behind, and shows each notice once.

if [ -t 0 ] && [ -t 1 ] && [ -z "${VSCODE_RESOLVING_ENVIRONMENT-}" ]; then
  case $- in *i*) true ;; *) [ "${1-}" = --from-csh ] ;; esac && (
    # In a subshell, so that no variable and no option of the login shell changes.
    set +eu
    uid=$(id -u) || exit 0
    file=/var/lib/vscode-grim-reaper/notices/$uid
    # Guard: only a file that can be read without waiting.
    [ -f "$file" ] && [ -r "$file" ] && [ ! -e "${HOME-}/.hushlogin" ] || exit 0
    IFS=' ' read -r form name version host <"$file" || exit 0
    [ "$form $name $version" = 'vscode-grim-reaper notices 1' ] || exit 0
    # Guard: the host's name becomes part of a file name.
    case $host in '' | .* | *[!A-Za-z0-9._-]*) exit 0 ;; esac

    # One marker per login node, because homes are often shared and notices are not.
    state=${XDG_STATE_HOME:-${HOME-}/.local/state}/vscode-grim-reaper
    marker=$state/notice-seen.$host
    seen=0
    if [ -f "$marker" ] && [ -r "$marker" ]; then IFS= read -r seen <"$marker"; fi
    case $seen in '' | *[!0-9]* | ???????????*) seen=0 ;; esac

    last=$seen show=no count=0
    # Guard: at most 500 lines, whatever the file contains.
    while [ "$count" -lt 500 ] && IFS= read -r line; do
      count=$((count + 1))
      text=${line#??}
      case $line in
        '> '*)
          show=no
          case $text in '' | *[!0-9]* | ???????????*) continue ;; esac
          if [ "$text" -gt "$seen" ]; then show=yes last=$text; fi
          ;;
        '| '*) if [ "$show" = yes ]; then printf '%s\n' "$text"; fi ;;
        '= '*) if [ "$last" -gt "$seen" ]; then printf '%s\n' "$text"; fi ;;
      esac
    done <"$file"

    [ "$last" -gt "$seen" ] || exit 0
    # If the quota is full, there is no marker and the notice is shown again.
    umask 077
    mkdir -p "$state" && printf '%s\n' "$last" >|"$marker.$$" && mv -f "$marker.$$" "$marker" || rm -f "$marker.$$"
    exit 0
  ) 2>/dev/null || true
fi

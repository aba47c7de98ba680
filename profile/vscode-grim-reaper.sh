# shellcheck shell=sh
# For /etc/profile.d: tells a user at login, in a terminal, which of their servers vscode-grim-reaper ended.
# Every login shell of everybody reads this (sh, bash, zsh, ksh; vscode-grim-reaper.csh starts it for csh). So: nothing
# into a stream that a program reads (scp, rsync, git, an editor that asks for the environment), nothing that fails,
# waits or stays behind, and each notice once.

if [ -t 0 ] && [ -t 1 ] && [ -z "${VSCODE_RESOLVING_ENVIRONMENT-}" ]; then
  case $- in *i*) true ;; *) [ "${1-}" = --from-csh ] ;; esac && (
    # In a subshell: no variable and no option of the login shell changes.
    set +eu
    uid=$(id -u) || exit 0
    file=/var/lib/vscode-grim-reaper/notices/$uid
    # Guard: only what can be read without waiting.
    [ -f "$file" ] && [ -r "$file" ] && [ ! -e "${HOME-}/.hushlogin" ] || exit 0
    IFS=' ' read -r form name version host <"$file" || exit 0
    [ "$form $name $version" = 'vscode-grim-reaper notices 1' ] || exit 0
    # Guard: it becomes part of a file's name.
    case $host in '' | .* | *[!A-Za-z0-9._-]*) exit 0 ;; esac

    # One for each login node: homes are often shared, notices are not.
    state=${XDG_STATE_HOME:-${HOME-}/.local/state}/vscode-grim-reaper
    marker=$state/notice-seen.$host
    seen=0
    if [ -f "$marker" ] && [ -r "$marker" ]; then IFS= read -r seen <"$marker"; fi
    case $seen in '' | *[!0-9]* | ???????????*) seen=0 ;; esac

    last=$seen show=no count=0
    # Guard: a bound, whatever the file holds.
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
    # A full quota keeps no marker: the notice comes again, and that is all.
    umask 077
    mkdir -p "$state" && printf '%s\n' "$last" >|"$marker.$$" && mv -f "$marker.$$" "$marker" || rm -f "$marker.$$"
    exit 0
  ) 2>/dev/null || true
fi

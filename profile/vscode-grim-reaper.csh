# For /etc/profile.d: does the same for csh and tcsh; the script checks itself whether there is a terminal.
if ( $?prompt ) then
  if ( -r /etc/profile.d/vscode-grim-reaper.sh ) sh /etc/profile.d/vscode-grim-reaper.sh --from-csh
endif

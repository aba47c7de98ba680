# For /etc/profile.d: the same for csh and tcsh, by way of sh, which looks for itself whether there is a terminal.
if ( $?prompt ) then
  if ( -r /etc/profile.d/vscode-grim-reaper.sh ) sh /etc/profile.d/vscode-grim-reaper.sh --from-csh
endif

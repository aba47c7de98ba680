/** Keys that this program has no longer, by their path in the file, and what to use instead. */
export const REPLACED_KEYS: Readonly<Record<string, string>> = {
  cluster: "remove the table: an orphan waits for its grace on each node, wherever its user reconnects",
  "hooks.veto": "use [[exempt]] with `until`, or stop the timer: systemctl stop vscode-grim-reaper.timer",
  "exempt.netgroup": "use `group`: give the users of the netgroup a group",
  "notice.url": "write the address into `text`",
  mail: "use [hooks] notify with a program such as /usr/share/vscode-grim-reaper/hooks/notify-mail",
};

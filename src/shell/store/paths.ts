/** Where the program keeps its files. */

/** Root's program that sleeps while a user's trees are kept. */
export const KEEP_PROGRAM = "/usr/libexec/vscode-grim-reaper/keep";

/** The lock, the tags and the marks; gone at reboot. */
export const RUN_FOLDER = "/run/vscode-grim-reaper";

/** The notices and the counters, which outlive a boot. All users may enter it; each file has its own mode. */
export const STATE_FOLDER = "/var/lib/vscode-grim-reaper";

/**
 * The log and the ledger. Root owns it, so that the account of the unit can neither rename nor replace a file in it; SELinux
 * lets logrotate rename what is in /var/log, and nothing in /var/lib.
 */
export const LOG_FOLDER = "/var/log/vscode-grim-reaper";

export const NOTICE_FOLDER = `${STATE_FOLDER}/notices`;

/** What the notify program of `[hooks]` is to receive. */
export const NOTIFY_FOLDER = `${STATE_FOLDER}/notify`;

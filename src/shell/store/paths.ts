export const RUN_FOLDER = "/run/vscode-grim-reaper";

/** What outlives a boot: the ledger and the notices. Its folder may be entered by all, its files each say who may read. */
export const STATE_FOLDER = "/var/lib/vscode-grim-reaper";

export const NOTICE_FOLDER = `${STATE_FOLDER}/notices`;

export const MAIL_FOLDER = `${STATE_FOLDER}/mail`;

// Faults of storage, sight and names, and what a sweep and `list` say of each.

import { chmodSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { compile, RUN_FOLDER, type Trouble } from "./faults.ts";
import { PROGRAM, temporaryFile } from "./program.ts";

export interface Fault extends Trouble {
  readonly what: string;
  /** Added to a configuration without a grace. */
  readonly settings?: string;
  readonly args?: readonly string[];
  /** Of a sweep. */
  readonly says: RegExp;
  readonly status?: number;
  /** By default the orphan stays until the fault is over. */
  readonly ends?: boolean;
  /** What `list` says, which fails as well. */
  readonly list?: RegExp;
}

const EPERM = 1;
const EMFILE = 24;
const EAFNOSUPPORT = 97;
const TAGS = `${RUN_FOLDER}/tags`;
export const TMPFS = "mount -t tmpfs";
const ENDS = { ends: true } as const;

/** The log cannot be written: the sweep does its work and logs to standard error. */
const FULL = `${TMPFS} -o size=64k tmpfs /mnt\ncat /dev/zero >/mnt/full 2>&- || :`;
const LOGS: readonly Fault[] = [
  ["a full disk", FULL, "/mnt/log", "write to", "ENOSPC"],
  ["no folder", ":", "/nowhere/log", "open", "ENOENT"],
  ["a folder in its place", ":", "/run", "open", "EISDIR"],
  ["a link in its place", "ln -sf /run/victim /run/link", "/run/link", "open", "ELOOP"],
  ["a pipe without a reader", "mkfifo /run/pipe", "/run/pipe", "open", "ENXIO"],
  ["a read-only file system", `${TMPFS} -o ro tmpfs /mnt`, "/mnt/log", "open", "EROFS"],
].map(([what, before = "", log = "", verb, error]) => {
  const failed = `cannot ${verb} the log file ${log}: ${error}`;
  const says = new RegExp(`${failed}[\\s\\S]*logging to standard error instead[\\s\\S]*Killed 4 process`);
  return { what: `the log: ${what}`, before, args: ["-l", log], says, ...ENDS };
});

const OWN = `mkdir -m 700 ${RUN_FOLDER}`;
/** The state folder cannot be used: nothing is ended. */
const STATE_FOLDERS: readonly Fault[] = (
  [
    ["full", `${OWN}\n${TMPFS} -o nr_inodes=1,mode=700 tmpfs ${RUN_FOLDER}`, /No space left/],
    ["read-only", `${OWN}\n${TMPFS} -o ro,mode=700 tmpfs ${RUN_FOLDER}`, /Read-only file system/],
    ["in a read-only /run", `${TMPFS} -o ro tmpfs /run`, /cannot use .*EROFS/],
    ["open to others", `mkdir -m 1777 ${RUN_FOLDER}`, /is not a folder that only this user can write/],
    ["a link", `mkdir /run/elsewhere\nln -s /run/elsewhere ${RUN_FOLDER}`, /remove it and try again/],
    ["with a folder as the lock", `mkdir -p -m 700 ${RUN_FOLDER}/lock`, /lock: Is a directory/],
    ["with a pipe as the lock", `${OWN}\nmkfifo ${RUN_FOLDER}/lock`, /is not a regular file/],
  ] as const
).map(([what, make, says]) => ({
  what: `the state folder: ${what}`,
  before: `${TMPFS} tmpfs /run\n${make}`,
  says,
}));

/** A tag that is none hangs nothing, protects no tree, and is reported with its remedy; shell/tags.test.ts has all kinds. */
const TAGGED: Fault = {
  what: "a tag that is a pipe",
  before: `${TMPFS} tmpfs /run\nmkdir -p -m 700 ${RUN_FOLDER} ${TAGS}\nmkfifo ${TAGS}/7.json`,
  says: /read a tag: 7\.json: it is not a regular file.*; remove it from/,
  ...ENDS,
};

export const HIDDEN = "mount -t proc -o hidepid=2 proc /proc";
const BLIND = ["setpriv", "--bounding-set=-sys_ptrace"];
const refuse = compile("test/real/refuse_netlink.c");
const BLINDED = {
  under: BLIND,
  says: /CAP_SYS_PTRACE/,
  list: /cannot see other users' processes: CAP_SYS_PTRACE is missing/,
};
const SIGHT: readonly Fault[] = [
  { what: "hidepid and all of root's rights", before: HIDDEN, says: /Killed 4 process/, status: 0, ...ENDS },
  { what: "hidepid=2, and root may not look into processes", before: HIDDEN, ...BLINDED },
  { what: "an open /proc, and root may not", ...BLINDED },
  ...[
    ["subset=pid", "mount -t proc -o subset=pid proc /proc", "subset=pid"],
    ["an empty folder", `${TMPFS} tmpfs /proc`, "is proc mounted"],
    ["not mounted", "while umount -l /proc 2>/dev/null; do :; done", "is proc mounted"],
    // What the namespace's own was mounted over.
    ["another pid namespace's", "umount -l /proc", "another pid namespace"],
  ].map(([what, before = "", why = ""]) => {
    const says = new RegExp(`cannot read the process table in /proc: .*${why}`);
    return { what: `/proc is ${what}`, before, says, list: says };
  }),
  ...(
    [
      [EMFILE, /cannot list unix sockets/],
      [EAFNOSUPPORT, /cannot list unix sockets[\s\S]*RestrictAddressFamilies=/],
    ] as const
  ).map(([error, says]) => ({
    what: `netlink answers errno ${error}`,
    under: [refuse, String(error)],
    says,
    list: /cannot list unix sockets/,
  })),
  {
    what: "neither netlink nor /proc/net",
    under: ["unshare", "--net", refuse, String(EPERM)],
    says: /cannot list unix sockets/,
  },
  {
    what: "another network namespace than the host's",
    under: ["unshare", "--net"],
    says: /Nothing was ended: .*PrivateNetwork/,
  },
];

/** `tool` is this shell script, in place of the real one. */
export function inPlaceOf(tool: string, script: string): Pick<Trouble, "before"> {
  const fake = temporaryFile("tool", `#!${script}`);
  chmodSync(fake, 0o755);
  return { before: `mount --bind ${fake} ${tool}` };
}
export const TOOL_IS: readonly (readonly [string, string])[] = [
  ["not there", "/nowhere/sh\n"],
  ["failing", "/bin/sh\nexit 3\n"],
  ["hanging", "/bin/sh\nexec sleep 600\n"],
  ["talking without end", "/bin/sh\nexec yes a:b:c:d\n"],
];
/** Whoever may be exempt is spared. */
const NAMES: readonly Fault[] = TOOL_IS.flatMap(([how, script]) => [
  {
    what: `getent ${how}`,
    ...inPlaceOf("/usr/bin/getent", script),
    settings: 'exemptUsers = ["somebody"]\nexemptGroups = ["somegroup"]\n',
    says: /(?=[\s\S]*the exempt user somebody \()(?=[\s\S]*the exempt group somegroup \()/,
  },
  {
    what: `id ${how}`,
    ...inPlaceOf("/usr/bin/id", script),
    settings: 'exemptGroups = ["root"]\n',
    says: /may be exempt by group root \(its look-up failed\)/,
  },
]);
const LOOKUPS: readonly Fault[] = [
  {
    what: "the user that -u names cannot be looked up",
    ...inPlaceOf("/usr/bin/getent", "/bin/sh\nexit 3\n"),
    args: ["-u", "somebody"],
    says: /cannot look up the user somebody: /,
  },
  {
    what: "neither dbus nor logind",
    before: `${TMPFS} tmpfs /run\nmkdir /run/dbus`,
    says: /Killed 4 process/,
    status: 0,
    ...ENDS,
  },
];

const dist = dirname(PROGRAM);
const copied = (changes: string): string =>
  `cp ${dist}/reaper_native.node /run/p\nprintf '${changes}' | dd of=/run/p/reaper_native.node bs=1 conv=notrunc 2>/dev/null`;
const ADDONS: readonly Fault[] = (
  [
    ["not there", ":", /^vscode-grim-reaper: no native addon at .*; build it with: npm run build:native$/m],
    ["empty", "touch /run/p/reaper_native.node", /cannot load the native addon .*too short; install the/],
    ["of 32 bits", copied("\\177ELF\\001"), /cannot load the native addon .*ELF.*; install the package for/],
  ] as const
).map(([what, make, says]) => ({
  what: `the addon is ${what}`,
  before: `${TMPFS} tmpfs /run\nmkdir /run/p\ncp ${dist}/*.cjs /run/p\n${make}`,
  program: join("/run/p", basename(PROGRAM)),
  says,
  list: says,
  status: 70,
}));

const STORES = [...LOGS, ...STATE_FOLDERS, TAGGED];
export const FAULTS: readonly Fault[] = [...STORES, ...SIGHT, ...NAMES, ...LOOKUPS, ...ADDONS];

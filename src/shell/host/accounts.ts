import type { Fault } from "../../core/observation/fault.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Accounts } from "../../core/verdict/exemption.ts";
import { runTool, ToolError } from "./run-tool.ts";

/** Names of users and groups looked up through the system's own tools, which know LDAP and SSSD; with a deadline. */

const DEADLINE_MS = 3000;
const NOT_FOUND = 2;
/** A tool that kept us waiting so often is not asked again: a directory that is down is down for every name. */
const MAX_TIMEOUTS = 2;
const timeouts = new Map<string, number>();

/** Null when the tool answers "no such entry". @throws ToolError on any other failure */
function ask(tool: string, args: readonly string[]): string | null {
  if ((timeouts.get(tool) ?? 0) >= MAX_TIMEOUTS) throw new ToolError(`${tool} does not answer`, null);
  try {
    return runTool(tool, args, DEADLINE_MS);
  } catch (error) {
    if ((error as ToolError).status === NOT_FOUND) return null;
    if (/ETIMEDOUT/.test((error as Error).message)) timeouts.set(tool, (timeouts.get(tool) ?? 0) + 1);
    throw error;
  }
}

/** Guard: an answer that is no number is no answer; NaN would equal nobody, and so protect nobody. */
function idIn(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new ToolError(`the answer holds no number: ${text.slice(0, 40)}`, null);
  return Number(text);
}

const FIELDS = { passwd: 7, group: 4 } as const;

/** Guard: what has not the fields of an entry is no answer, not another user's. @throws ToolError */
function entry(database: "passwd" | "group", key: string): string[] | null {
  const line = ask("/usr/bin/getent", [database, "--", key]);
  if (line === null) return null;
  const fields = line.trimEnd().split(":");
  if (fields.length < FIELDS[database] || fields[0] === "")
    throw new ToolError(`getent answered no ${database} entry: ${line.slice(0, 40)}`, null);
  return fields;
}

/** The uid of a user given by name or number, or null when there is no such user. @throws when it cannot be told */
export function uidOf(user: string): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  const uid = entry("passwd", user)?.[2];
  return uid === undefined ? null : idIn(uid);
}

/** Users asked for in one call; a kernel takes no longer argument lists than some megabytes. */
const USERS_AT_ONCE = 1000;

/**
 * The login names of these uids for people; a uid without one has no entry. Never fails: it decides nothing. One call
 * for all of them, because a directory service takes its time for each.
 */
export function namesOf(uids: readonly number[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (let at = 0; at < uids.length; at += USERS_AT_ONCE)
    for (const line of passwdLines(uids.slice(at, at + USERS_AT_ONCE))) {
      const [name = "", , uid = ""] = line.split(":");
      if (name !== "" && /^\d{1,10}$/.test(uid)) names.set(Number(uid), name);
    }
  return names;
}

function passwdLines(uids: readonly number[]): string[] {
  try {
    return runTool("/usr/bin/getent", ["passwd", "--", ...uids.map(String)], DEADLINE_MS).split("\n");
  } catch (error) {
    // Status 2: one of them has no entry; those that have were answered.
    return ((error as ToolError).output ?? "").split("\n");
  }
}

/** The login name of a uid; null: it has none. @throws when it cannot be told */
export function loginOf(uid: number): string | null {
  return entry("passwd", String(uid))?.[0] ?? null;
}

/**
 * The user names of a netgroup's triples, "" for an empty field, which means everybody; null: there is none of this
 * name. `-` is a field that nobody matches (netgroup(5)). @throws when it cannot be told
 */
function usersOfNetgroup(name: string): string[] | null {
  const text = ask("/usr/bin/getent", ["netgroup", "--", name]);
  if (text === null) return null;
  const users = [...text.matchAll(/\(([^(),]*),([^(),]*),([^(),]*)\)/g)].map(([, , user = ""]) =>
    user.trim(),
  );
  return [...new Set(users)].filter((user) => user !== "-");
}

/**
 * Looks up what the policy's exemptions name. A failed look-up is null and a fault: it spares. A name that does not
 * exist is a fault too, for a typing slip in an exemption would reap the one it was to protect.
 */
export function lookUpAccounts(
  policy: Policy,
  uids: readonly number[],
): { accounts: Accounts; faults: Fault[] } {
  const faults: Fault[] = [];
  const named = (list: readonly (string | number | undefined)[]): string[] => [
    ...new Set(list.filter((name): name is string => typeof name === "string" && !/^\d+$/.test(name))),
  ];
  const find = (database: "passwd" | "group", name: string): number | null => {
    const what = `look up the exempt ${database === "passwd" ? "user" : "group"} ${name}`;
    try {
      const id = entry(database, name)?.[2];
      if (id !== undefined) return idIn(id);
      faults.push({ what, detail: "there is none of this name; correct or remove it in the configuration" });
    } catch (error) {
      faults.push({ what, detail: (error as Error).message });
    }
    return null;
  };
  const netgroup = (name: string): string[] | null => {
    const what = `look up the exempt netgroup ${name}`;
    try {
      const users = usersOfNetgroup(name);
      if (users !== null) return users;
      faults.push({ what, detail: "there is none of this name; correct or remove it in the configuration" });
    } catch (error) {
      faults.push({ what, detail: (error as Error).message });
    }
    return null;
  };
  const users = named([...policy.exemptUsers, ...policy.exempt.map(({ user }) => user)]);
  const groups = [...policy.exemptGroups, ...policy.exempt.map(({ group }) => group)];
  const uidOfName = Object.fromEntries(users.map((name) => [name, find("passwd", name)]));
  const netgroups = [...new Set(policy.exempt.flatMap((one) => one.netgroup ?? []))];
  // A name whose uid cannot be had is compared with the owner's own name instead.
  const anyName = netgroups.length > 0 || Object.values(uidOfName).includes(null);
  const anyGroup = groups.some((group) => group !== undefined);
  return {
    accounts: {
      uidOf: uidOfName,
      gidOf: Object.fromEntries(named(groups).map((name) => [name, find("group", name)])),
      groupsOf: anyGroup ? Object.fromEntries(uids.map((uid) => [uid, groupsOf(uid, faults)])) : {},
      netgroups: Object.fromEntries(netgroups.map((name) => [name, netgroup(name)])),
      loginOf: anyName ? Object.fromEntries(uids.map((uid) => [uid, loginOrNull(uid, faults)])) : {},
    },
    faults,
  };
}

function loginOrNull(uid: number, faults: Fault[]): string | null {
  try {
    return loginOf(uid);
  } catch (error) {
    faults.push({ what: `look up the name of uid ${uid}`, detail: (error as Error).message });
    return null;
  }
}

function groupsOf(uid: number, faults: Fault[]): number[] | null {
  try {
    const text = ask("/usr/bin/id", ["-G", "--", String(uid)]);
    if (text !== null) return text.trim().split(/\s+/).map(idIn);
  } catch (error) {
    faults.push({ what: `look up the groups of uid ${uid}`, detail: (error as Error).message });
  }
  return null;
}

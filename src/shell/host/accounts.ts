import type { Fault } from "../../core/observation/fault.ts";
import { exemptionsIn, type Policy } from "../../core/policy/policy.ts";
import type { Accounts } from "../../core/verdict/exemption.ts";
import { runTool, ToolError } from "./run-tool.ts";

/** Looks up users and groups with the system's own tools, which know LDAP and SSSD, within a deadline. */

const DEADLINE_MS = 3000;
const NOT_FOUND = 2;
/** A tool that has timed out so often is not asked again, because a directory that is down is down for every name. */
const MAX_TIMEOUTS = 2;
const timeouts = new Map<string, number>();

/** Runs a look-up; null if the tool answers "no such entry". @throws ToolError on any other failure */
function runLookup(tool: string, args: readonly string[]): string | null {
  if ((timeouts.get(tool) ?? 0) >= MAX_TIMEOUTS) throw new ToolError(`${tool} does not answer`, null);
  try {
    return runTool(tool, args, DEADLINE_MS);
  } catch (error) {
    if ((error as ToolError).status === NOT_FOUND) return null;
    if (/ETIMEDOUT/.test((error as Error).message)) timeouts.set(tool, (timeouts.get(tool) ?? 0) + 1);
    throw error;
  }
}

/** Parses an id. Guard: NaN would equal no uid, so a tree that is exempt would not be. @throws ToolError */
function idIn(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new ToolError(`the answer is not a number: ${text.slice(0, 40)}`, null);
  return Number(text);
}

const FIELDS = { passwd: 7, group: 4 } as const;

/** Reads an entry; null if there is none. Guard: a line with too few fields is refused. @throws ToolError */
function entry(database: "passwd" | "group", key: string): string[] | null {
  const line = runLookup("/usr/bin/getent", [database, "--", key]);
  if (line === null) return null;
  const fields = line.trimEnd().split(":");
  if (fields.length < FIELDS[database] || fields[0] === "")
    throw new ToolError(`getent did not answer with a ${database} entry: ${line.slice(0, 40)}`, null);
  return fields;
}

/** Finds the uid of a user given by name or number; null if there is no such user. @throws if the look-up fails */
export function uidOf(user: string): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  const uid = entry("passwd", user)?.[2];
  return uid === undefined ? null : idIn(uid);
}

/** Users per call; the kernel limits argument lists to some megabytes. */
const USERS_AT_ONCE = 1000;

const names = new Map<number, string>();

/** Finds the login names of uids, for display; a uid without a name is its own. Never fails, because nothing depends on it. */
export function namesOf(uids: readonly number[]): (uid: number) => string {
  const unknown = uids.filter((uid) => !names.has(uid));
  try {
    for (const [uid, login] of loginsOf(unknown)) names.set(uid, login);
  } catch {
    // The numbers are shown.
  }
  for (const uid of unknown) if (!names.has(uid)) names.set(uid, String(uid));
  return (uid) => names.get(uid) ?? String(uid);
}

/** Those of the uids that have one, in few calls, because a directory service may be slow. @throws ToolError */
function loginsOf(owners: readonly number[]): Map<number, string> {
  const uids = [...new Set(owners)];
  const logins = new Map<number, string>();
  for (let at = 0; at < uids.length; at += USERS_AT_ONCE)
    for (const line of passwdLines(uids.slice(at, at + USERS_AT_ONCE))) {
      const [name = "", , uid = ""] = line.split(":");
      if (name !== "" && /^\d{1,10}$/.test(uid)) logins.set(Number(uid), name);
    }
  return logins;
}

function passwdLines(uids: readonly number[]): string[] {
  try {
    return runTool("/usr/bin/getent", ["passwd", "--", ...uids.map(String)], DEADLINE_MS).split("\n");
  } catch (error) {
    const { status, output } = error as ToolError;
    if (status !== NOT_FOUND) throw error;
    // One uid has no entry; the answer lists the others.
    return output.split("\n");
  }
}

/**
 * Looks up what the policy's exemptions name. `owners`: the accounts that are charged for trees. `charged`: other uids of
 * trees, of which a directory's login may be one although a range of subordinate uids holds it. A failed look-up is null,
 * which exempts, and a fault. A name that does not exist is a fault too, because a mistyped exemption protects no user.
 */
export function lookUpAccounts(
  policy: Policy,
  owners: readonly number[],
  charged: readonly number[] = [],
): { accounts: Accounts; faults: Fault[] } {
  const faults: Fault[] = [];
  const named = (list: readonly (string | number | undefined)[]): string[] => [
    ...new Set(list.filter((name): name is string => typeof name === "string" && !/^\d+$/.test(name))),
  ];
  const find = (database: "passwd" | "group", name: string): number | null | undefined => {
    const place = policy.places?.[name];
    const kind = database === "passwd" ? "user" : "group";
    const what = `look up the exempt ${kind} ${name}${place === undefined ? "" : ` (${place})`}`;
    const held = "nothing that it may exempt is ended until";
    // A user of another name is not meant; a group of another number may be.
    const effect = database === "passwd" ? "it exempts no user until" : held;
    try {
      const id = entry(database, name)?.[2];
      if (id !== undefined || /^\d+$/.test(name)) return idIn(id ?? name);
      faults.push({ what, detail: `there is none of this name; ${effect} this is corrected` });
    } catch (error) {
      faults.push({ what, detail: `${(error as Error).message}; ${held} this works` });
      return undefined;
    }
    return null;
  };
  const answer = <T>(what: string, look: () => T | null): T | null => {
    try {
      return look();
    } catch (error) {
      faults.push({ what: `look up ${what}`, detail: (error as Error).message });
      return null;
    }
  };
  const groupsOf = (uid: number): number[] | null =>
    answer(`the groups of uid ${uid}`, () => {
      const text = runLookup("/usr/bin/id", ["-G", "--", String(uid)]);
      return text === null ? null : text.trim().split(/\s+/).map(idIn);
    });
  const byKey = <K extends string | number, T>(keys: readonly K[], of: (key: K) => T) =>
    Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<K, T>;
  const exemptions = exemptionsIn(policy);
  const groups = exemptions.flatMap(({ group = [] }) => group);
  const uidOf = byKey(named(exemptions.map(({ user }) => user)), (name) => find("passwd", name));
  // Numbers, too: id(1) gives the primary group alone, and no error, while the service of groups is down.
  const gidOf = byKey([...new Set(groups.map(String))], (name) => find("group", name));
  // If the uid of a name cannot be looked up, the name is compared with the name of the tree's owner.
  const anyName = Object.values(uidOf).some((found) => typeof found !== "number");
  // Guard: a user can have any number of subordinate uids, so only those with a login are asked for one by one.
  const asked = [...(anyName ? owners : []), ...(anyName || groups.length > 0 ? charged : [])];
  const logins = answer("the logins of trees' owners", () => loginsOf(asked));
  // Nothing is known of the others while that look-up fails; one by one, thousands would each cost a process.
  const unknown = logins === null ? charged : [];
  const uids = [...owners, ...charged.filter((uid) => logins?.has(uid))];
  return {
    accounts: {
      uidOf,
      gidOf,
      groupsOf: groups.length > 0 ? { ...byKey(unknown, () => null), ...byKey(uids, groupsOf) } : {},
      loginOf: byKey(anyName ? [...uids, ...unknown] : [], (uid) => logins?.get(uid) ?? null),
    },
    faults,
  };
}

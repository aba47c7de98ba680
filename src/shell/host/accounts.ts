import type { Fault } from "../../core/observation/fault.ts";
import { exemptionsIn, type Policy } from "../../core/policy/policy.ts";
import type { Accounts } from "../../core/verdict/exemption.ts";
import { runTool, ToolError } from "./run-tool.ts";

/** Looks up users and groups with the system's own tools, which know LDAP and SSSD, within a deadline. */

const DEADLINE_MS = 3000;
const NOT_FOUND = 2;
/** A tool that has timed out so often is not asked again, because a directory that is down is down for every name. */
const MAX_TIMEOUTS = 2;
/** How many arguments a look-up of one key has. */
const ONE_KEY = 3;
const timeouts = new Map<string, number>();

/** Runs a look-up, and returns what it found, which may be nothing. @throws ToolError where it could not look */
function lookUp(tool: string, args: readonly string[]): string {
  if ((timeouts.get(tool) ?? 0) >= MAX_TIMEOUTS) throw new ToolError(`${tool} does not answer`, null);
  try {
    return runTool(tool, args, DEADLINE_MS);
  } catch (error) {
    const { status, message, output } = error as ToolError;
    // Some key has no entry; the answer lists the others.
    if (status === NOT_FOUND) return output;
    // Guard: many keys at once may be one user's, and say nothing of the next name.
    if (/ETIMEDOUT/.test(message) && args.length <= ONE_KEY)
      timeouts.set(tool, (timeouts.get(tool) ?? 0) + 1);
    throw error;
  }
}

/** Parses an id. Guard: NaN would equal no uid, so a tree that is exempt would not be. @throws ToolError */
function idIn(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new ToolError(`the answer is not a number: ${text.slice(0, 40)}`, null);
  return Number(text);
}

const FIELDS = { passwd: 7, group: 4 } as const;
/** Keys per call; the kernel limits argument lists to some megabytes. */
const KEYS_AT_ONCE = 1000;

/**
 * Reads the names and ids of the entries that these keys have, in few calls, because a directory service may be slow.
 * Guard: a line with too few fields is refused. @throws ToolError
 */
function entries(database: keyof typeof FIELDS, keys: readonly string[]): { name: string; id: number }[] {
  if (keys.length === 0) return [];
  const lines = lookUp("/usr/bin/getent", [database, "--", ...keys.slice(0, KEYS_AT_ONCE)]).split("\n");
  const found = lines.filter(Boolean).map((line) => {
    const fields = line.split(":");
    const [name = "", , id = ""] = fields;
    if (fields.length < FIELDS[database] || name === "")
      throw new ToolError(`getent did not answer with a ${database} entry: ${line.slice(0, 40)}`, null);
    return { name, id: idIn(id) };
  });
  return [...found, ...entries(database, keys.slice(KEYS_AT_ONCE))];
}

/** Finds the uid of a user given by name or number; null if there is no such user. @throws if the look-up fails */
export function uidOf(user: string): number | null {
  return /^\d+$/.test(user) ? Number(user) : (entries("passwd", [user])[0]?.id ?? null);
}

/** The login names of those of the uids that have one. @throws ToolError */
function loginsOf(uids: readonly number[]): Map<number, string> {
  const found = entries("passwd", [...new Set(uids)].map(String));
  return new Map(found.map(({ name, id }) => [id, name]));
}

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
      const id = entries(database, [name])[0]?.id;
      if (id !== undefined || /^\d+$/.test(name)) return id ?? idIn(name);
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
    answer(`the groups of uid ${uid}`, () =>
      lookUp("/usr/bin/id", ["-G", "--", String(uid)])
        .trim()
        .split(/\s+/)
        .map(idIn),
    );
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
  const ofOwners = answer("the logins of trees' owners", () => loginsOf(anyName ? owners : []));
  // Guard: apart, for a slow directory takes longer for one user's thousands than for all owners.
  const asked = anyName || groups.length > 0 ? charged : [];
  const logins = answer("the subordinate uids that have a login", () => loginsOf(asked));
  // Nothing is known of the others while that look-up fails; one by one, thousands would each cost a process.
  const unknown = logins === null ? charged : [];
  const uids = [...owners, ...charged.filter((uid) => logins?.has(uid))];
  return {
    accounts: {
      uidOf,
      gidOf,
      groupsOf: groups.length > 0 ? { ...byKey(unknown, () => null), ...byKey(uids, groupsOf) } : {},
      loginOf: byKey(
        anyName ? [...uids, ...unknown] : [],
        (uid) => ofOwners?.get(uid) ?? logins?.get(uid) ?? null,
      ),
    },
    faults,
  };
}

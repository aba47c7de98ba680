/** Names of users and groups looked up through the system's own tools, which know LDAP and SSSD; with a deadline. */
import type { Accounts } from "../core/exemption.ts";
import type { Policy } from "../core/policy.ts";
import type { Fault } from "../core/types.ts";
import { runTool, type ToolError } from "./tool.ts";

const DEADLINE_MS = 3000;
const NOT_FOUND = 2;

/** Null when the tool answers "no such entry". @throws ToolError on any other failure */
function ask(tool: string, args: readonly string[]): string | null {
  try {
    return runTool(tool, args, DEADLINE_MS);
  } catch (error) {
    if ((error as ToolError).status === NOT_FOUND) return null;
    throw error;
  }
}

function entry(database: "passwd" | "group", key: string): string[] | null {
  const line = ask("/usr/bin/getent", [database, "--", key]);
  return line === null ? null : line.trimEnd().split(":");
}

/** The uid of a user given by name or number, or null when there is no such user. @throws when it cannot be told */
export function uidOf(user: string): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  const uid = entry("passwd", user)?.[2];
  return uid === undefined ? null : Number(uid);
}

/** The login name of a uid for people, or the number itself. Never fails: it decides nothing. */
export function nameOf(uid: number): string {
  try {
    return entry("passwd", String(uid))?.[0] ?? String(uid);
  } catch {
    return String(uid);
  }
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
      if (id !== undefined) return Number(id);
      faults.push({ what, detail: "there is none of this name; correct or remove it in the configuration" });
    } catch (error) {
      faults.push({ what, detail: (error as Error).message });
    }
    return null;
  };
  const users = named([...policy.exemptUsers, ...policy.exempt.map(({ user }) => user)]);
  const groups = [...policy.exemptGroups, ...policy.exempt.map(({ group }) => group)];
  const anyGroup = groups.some((group) => group !== undefined);
  return {
    accounts: {
      uidOf: Object.fromEntries(users.map((name) => [name, find("passwd", name)])),
      gidOf: Object.fromEntries(named(groups).map((name) => [name, find("group", name)])),
      groupsOf: anyGroup ? Object.fromEntries(uids.map((uid) => [uid, groupsOf(uid, faults)])) : {},
    },
    faults,
  };
}

function groupsOf(uid: number, faults: Fault[]): number[] | null {
  try {
    const text = ask("/usr/bin/id", ["-G", "--", String(uid)]);
    if (text !== null) return text.trim().split(/\s+/).map(Number);
  } catch (error) {
    faults.push({ what: `look up the groups of uid ${uid}`, detail: (error as Error).message });
  }
  return null;
}

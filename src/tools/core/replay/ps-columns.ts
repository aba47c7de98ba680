/** Reads the rows of ps: lines between tabs, or what `ps -ef` and `ps -eo uid,pid,ppid,args` print with their heading. */

/** One process of a listing. */
export interface ListedProcess {
  readonly uid: number;
  readonly pid: number;
  readonly ppid: number;
  readonly args: string;
}

/** Where the columns of a heading are. The command is the last one and may contain spaces. */
interface Heading {
  readonly uid: number;
  readonly pid: number;
  readonly ppid: number;
  readonly count: number;
}

/** Names of users become uids from here on, so that trees of different users stay apart. */
const FIRST_NAMED_UID = 100_000;

/** Reads a listing row by row; the heading, if there is one, decides the columns. */
export class PsColumns {
  private heading: Heading | null = null;
  private readonly uids = new Map<string, number>([["root", 0]]);

  /** Reads one line; "heading" for a heading, null if it is not a row. */
  read(line: string): ListedProcess | "heading" | null {
    const tabbed = /^(\d+)\t(\d+)\t(-1|\d+)\t(.*)$/.exec(line);
    if (tabbed)
      return {
        uid: Number(tabbed[1]),
        pid: Number(tabbed[2]),
        ppid: Number(tabbed[3]),
        args: tabbed[4] ?? "",
      };
    const words = line.trim().split(/\s+/);
    if (words.includes("PID") && words.includes("PPID")) {
      const uid = words.findIndex((word) => /^(?:R?UID|E?USER|RUSER)$/.test(word));
      const isCommandLast = /^(?:CMD|COMMAND|ARGS)$/.test(words.at(-1) ?? "");
      if (uid < 0 || !isCommandLast) return null;
      this.heading = { uid, pid: words.indexOf("PID"), ppid: words.indexOf("PPID"), count: words.length };
      return "heading";
    }
    return this.heading === null ? null : this.row(line, this.heading);
  }

  private row(line: string, { uid, pid, ppid, count }: Heading): ListedProcess | null {
    const columns = new RegExp(`^\\s*((?:\\S+\\s+){${count - 1}})(.*)$`).exec(line);
    const cells = (columns?.[1] ?? "").trim().split(/\s+/);
    const [pidText = "", ppidText = "", user = ""] = [cells[pid], cells[ppid], cells[uid]];
    if (!/^\d+$/.test(pidText) || !/^\d+$/.test(ppidText) || user === "") return null;
    return { uid: this.uidOf(user), pid: Number(pidText), ppid: Number(ppidText), args: columns?.[2] ?? "" };
  }

  private uidOf(user: string): number {
    if (/^\d+$/.test(user)) return Number(user);
    const known = this.uids.get(user) ?? FIRST_NAMED_UID + this.uids.size;
    this.uids.set(user, known);
    return known;
  }
}

/** One line of `doctor`. */

export type Health = "ok" | "warning" | "fault";

export interface Check {
  readonly name: string;
  readonly health: Health;
  readonly detail: string;
  /** What to do; null where all is well. */
  readonly remedy: string | null;
}

export function ok(name: string, detail: string): Check {
  return { name, health: "ok", detail, remedy: null };
}

export function warning(name: string, detail: string, remedy: string): Check {
  return { name, health: "warning", detail, remedy };
}

export function fault(name: string, detail: string, remedy: string): Check {
  return { name, health: "fault", detail, remedy };
}

/** Which rules about programs a path may fit. A look at all of them, for each process of a host, would cost too much. */

import { fitsEnd } from "./path-pattern.ts";

/** A rule by the ends of the paths that it is about, by component. */
export interface Ending {
  readonly endings: readonly (readonly string[])[];
}

export interface ProgramIndex<Rule extends Ending> {
  readonly rules: readonly Rule[];
  /** Places in the list by the file's name. */
  readonly byName: ReadonlyMap<string, readonly number[]>;
  /** Places of rules in which a pattern names the file. */
  readonly patterns: readonly number[];
}

/** Sorts rules by what their paths end in. */
export function indexPrograms<Rule extends Ending>(rules: readonly Rule[]): ProgramIndex<Rule> {
  const byName = new Map<string, number[]>();
  const patterns: number[] = [];
  for (const [i, { endings }] of rules.entries()) {
    const names = new Set(endings.map((ending) => ending.at(-1) ?? ""));
    if ([...names].some((name) => name.includes("*"))) patterns.push(i);
    else for (const name of names) byName.set(name, [...(byName.get(name) ?? []), i]);
  }
  return { rules, byName, patterns };
}

/** The rules that a path fits, in the order of their list. */
export function rulesAt<Rule extends Ending>(
  parts: readonly string[],
  { rules, byName, patterns }: ProgramIndex<Rule>,
): readonly Rule[] {
  const named = byName.get(parts.at(-1) ?? "") ?? [];
  const places = named.length > 0 ? [...patterns, ...named].sort((a, b) => a - b) : patterns;
  return places.flatMap((place) => {
    const rule = rules[place];
    return rule?.endings.some((ending) => fitsEnd(parts, ending)) ? [rule] : [];
  });
}

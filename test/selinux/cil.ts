/** Reads the allow rules of a CIL policy module: enough to ask what one domain may do to one type. */

type Expression = string | readonly Expression[];

/** Parses CIL, which is S-expressions with comments from ";" to the end of the line. */
export function parseCil(text: string): Expression[] {
  const tokens = text.replace(/;.*$/gm, "").match(/"[^"]*"|[()]|[^\s()"]+/g) ?? [];
  const stack: Expression[][] = [[]];
  for (const token of tokens) {
    if (token === "(") stack.push([]);
    else if (token === ")") {
      const done = stack.pop();
      const above = stack.at(-1);
      if (done === undefined || above === undefined) throw new Error("a parenthesis too many");
      above.push(done);
    } else stack.at(-1)?.push(token);
  }
  if (stack.length !== 1) throw new Error("a parenthesis is missing");
  return stack[0] ?? [];
}

export interface Rule {
  readonly source: string;
  readonly target: string;
  readonly targetClass: string;
  readonly permissions: readonly string[];
}

/** Every allow rule, those of optional blocks too; "self" is replaced by the source. */
export function allowRules(expressions: readonly Expression[]): Rule[] {
  return expressions.flatMap((expression): Rule[] => {
    if (typeof expression === "string") return [];
    const [keyword, ...rest] = expression;
    if (keyword === "optional") return allowRules(rest);
    if (keyword !== "allow") return [];
    const [source, target, what] = rest as [string, string, [string, string[]]];
    const [targetClass, permissions] = what;
    return [{ source, target: target === "self" ? source : target, targetClass, permissions }];
  });
}

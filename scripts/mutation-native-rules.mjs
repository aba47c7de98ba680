// The changes that `npm run mutation:native` makes to C++ sources: at the places where clang's tree of a source says that
// a condition, an operator, an errno or a call stands. native/test/mutant.h makes the chosen one when the program runs.
import { execFileSync } from "node:child_process";

const OPERATORS = {
  "<": ["less", "less_equal", "<="],
  "<=": ["less_equal", "less", "<"],
  ">": ["greater", "greater_equal", ">="],
  ">=": ["greater_equal", "greater", ">"],
  "+": ["plus", "minus", "-"],
  "-": ["minus", "plus", "+"],
};
const CALLS = ["CallExpr", "CXXMemberCallExpr", "CXXOperatorCallExpr", "CompoundAssignOperator"];
/** Constants, and what the compiler made from a template. */
const UNCHANGED = ["StaticAssertDecl", "ConstantExpr", "ClassTemplateSpecializationDecl"];
/** Types of numbers: no pointers. */
const NUMBER = /^(?:const )?(?:unsigned.*|long.*|int|bool|char|[\w:]+_t)$/;
/** An int with such a name holds an errno. */
const ERRNO = /^(?:error|failed|sent)$/;

/**
 * Changes sources, `texts` by path: returns their new texts and all mutants, numbered from 1. A header's mutants are
 * found once, however many sources include it.
 */
export function mutate(compiler, texts) {
  const mutants = [];
  const known = new Set();
  const edits = new Map([...texts.keys()].map((path) => [path, { before: [], after: [], gone: [] }]));

  function wrap(node, change, prefix, suffix) {
    const { file: path, begin, end } = placeOf(node, texts);
    const key = `${path}:${begin}:${end}:${change}`;
    if (!edits.has(path) || known.has(key)) return;
    known.add(key);
    const text = texts.get(path);
    const id = mutants.length + 1;
    const line = text.slice(0, begin).split("\n").length;
    mutants.push({ id, path, line, code: text.slice(begin, end).replace(/\s+/g, " "), change });
    const { before, after } = edits.get(path);
    before[begin] = (before[begin] ?? "") + prefix.replace("ID", id);
    after[end] = suffix + (after[end] ?? "");
  }

  const truth = (node) => wrap(node, "true", "(::mutation::mutant(ID) || (", "))");
  const falsehood = (node) => wrap(node, "false", "(!::mutation::mutant(ID) && (", "))");
  function nothing(node, change) {
    if (codeOf(node) !== "O_RDONLY") wrap(node, change, "::mutation::none(ID, ", ")");
  }
  /** Both ways, but for what the change of an operand or of a literal shows already. */
  function either(node) {
    const { kind, opcode, value } = bare(node);
    if (opcode !== "&&" && !(kind === "CXXBoolLiteralExpr" && value)) truth(node);
    if (opcode !== "||" && !(kind === "CXXBoolLiteralExpr" && !value)) falsehood(node);
  }

  function operate(node) {
    const [left, right] = node.inner;
    const [name, changed, sign] = OPERATORS[node.opcode];
    if (!NUMBER.test(typeOf(left)) || !NUMBER.test(typeOf(right))) return;
    const path = placeOf(node, texts).file;
    const from = placeOf(left, texts).end;
    const to = placeOf(right, texts).begin;
    if (!edits.has(path) || texts.get(path).slice(from, to).trim() !== node.opcode) return;
    wrap(node, sign, `::mutation::pick(ID, std::${name}<>{}, std::${changed}<>{}, `, ")");
    edits.get(path).gone.push([from, to, ", "]);
  }

  function statement(node) {
    const inner = bare(node);
    const does =
      CALLS.includes(inner.kind) ||
      (inner.kind === "BinaryOperator" && inner.opcode === "=") ||
      (inner.kind === "UnaryOperator" && /\+\+|--/.test(inner.opcode)) ||
      (inner.kind === "CStyleCastExpr" && typeOf(inner) === "void");
    if (does) wrap(node, "left out", "::mutation::mutant(ID) ? (void)0 : (void)(", ")");
  }

  function visit(node, parent) {
    if (!node?.kind || node.isImplicit || node.constexpr || UNCHANGED.includes(node.kind)) return;
    const inner = node.inner ?? [];
    if (node.kind === "FunctionTemplateDecl")
      return visit(
        inner.find(({ kind }) => kind === "FunctionDecl"),
        node,
      );
    if (node.kind === "ConditionalOperator") either(inner[0]);
    if (node.kind === "IfStmt") {
      const [first, second] = inner;
      if (node.hasVar) nothing(first.inner[0].inner[0], "nothing");
      else either(node.hasInit ? second : first);
      // What is left out of an if without an else is the same as its condition being false.
      if (node.hasElse) inner.slice(-2).forEach(statement);
    }
    if (node.kind === "WhileStmt" && !node.hasVar) falsehood(inner[0]);
    if (node.kind === "DoStmt") falsehood(inner[1]);
    if (node.kind === "ForStmt" && inner[2]?.kind) falsehood(inner[2]);
    if (/^(?:For|While|CXXForRange)Stmt$/.test(node.kind)) statement(inner.at(-1));
    if (node.kind === "CompoundStmt" && !(parent?.kind === "IfStmt" && !parent.hasElse && inner.length === 1))
      inner.forEach(statement);
    if (node.kind === "BinaryOperator") {
      if (node.opcode === "&&") for (const operand of inner) truth(operand);
      if (node.opcode === "||") for (const operand of inner) falsehood(operand);
      if (node.opcode === "|") for (const operand of inner) nothing(operand, "0");
      if (node.opcode in OPERATORS) operate(node);
    }
    if (node.kind === "ReturnStmt" || (node.kind === "VarDecl" && node.init)) value(node, inner.at(-1));
    // What a loop over a range hides is not in the source.
    for (const child of node.kind === "CXXForRangeStmt" ? inner.slice(-1) : inner) visit(child, node);
  }

  /** What a function returns, or a variable is given. */
  function value(node, given) {
    const type = typeOf(given);
    const returned = node.kind === "ReturnStmt";
    if (type === "bool") either(given);
    if (type === "int" && !/Literal$/.test(bare(given).kind) && (returned || ERRNO.test(node.name)))
      nothing(given, "0");
    if (returned && /^(?:std::)?optional<.*>$/.test(type) && !/nullopt/.test(codeOf(given)))
      wrap(given, "nullopt", `::mutation::mutant(ID) ? ${type}() : ${type}(`, ")");
  }

  const codeOf = (node) => {
    const { file, begin, end } = placeOf(node, texts);
    return texts.get(file)?.slice(begin, end) ?? "";
  };
  for (const path of texts.keys())
    if (path.endsWith(".cc")) for (const tree of parse(compiler, path)) visit(tree);
  for (const [path, { before, after, gone }] of edits)
    texts.set(path, apply(texts.get(path), before, after, gone));
  return mutants;
}

/** What clang makes of a source: trees in which each place names its file. */
function parse(compiler, path) {
  const options = ["-std=c++17", "-Inative", "-fsyntax-only", "-w", "-Xclang", "-ast-dump=json"];
  const filtered = [...options, "-Xclang", "-ast-dump-filter=reaper", path];
  const text = execFileSync(compiler, filtered, { encoding: "utf8", maxBuffer: 2 ** 29 });
  const trees = text.split(/^(?=\{)/m).map((part) => JSON.parse(part));
  trees.forEach(nameFiles());
  return trees;
}

/** A place names its file only where that is another one than that of the place before. */
function nameFiles() {
  let file;
  return function name(value) {
    if (value === null || typeof value !== "object") return;
    if (typeof value.offset === "number") {
      file = value.file ?? file;
      value.file = file;
    }
    for (const inner of Object.values(value)) name(inner);
  };
}

function placeOf(node, texts) {
  const first = node.range.begin.expansionLoc ?? node.range.begin;
  const last = node.range.end.expansionLoc ?? node.range.end;
  let end = last.offset + last.tokLen;
  // A macro with arguments ends at its closing parenthesis.
  const text = texts.get(last.file);
  if (node.range.end.expansionLoc && text?.[end] === "(") {
    for (let depth = 0; ; ) {
      depth += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
      end += 1;
      if (depth === 0) break;
    }
  }
  return { file: first.file, begin: first.offset, end };
}

const typeOf = (node) => node?.type?.qualType ?? "";

/** The node without what the compiler put around it. */
function bare(node) {
  return /^(?:ExprWithCleanups|ImplicitCastExpr)$/.test(node?.kind) ? bare(node.inner[0]) : (node ?? {});
}

function apply(text, before, after, gone) {
  const skipped = new Map(gone.map(([from, to, sign]) => [from, { to, sign }]));
  let made = '#include "test/mutant.h"\n';
  for (let at = 0; at <= text.length; at += 1) {
    made += after[at] ?? "";
    const skip = skipped.get(at);
    if (skip) {
      made += skip.sign;
      at = skip.to;
      made += after[at] ?? "";
    }
    made += (before[at] ?? "") + (text[at] ?? "");
  }
  return made;
}

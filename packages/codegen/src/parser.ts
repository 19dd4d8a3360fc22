import type { DiagnosticLog } from "./diagnostics.ts";
import { fileDoc } from "./doc.ts";
import { lex, type Token } from "./lexer.ts";
import type { Source } from "./source.ts";
import type {
  ArmSyntax,
  DeclarationSyntax,
  Definition,
  EnumMemberSyntax,
  EnumSyntax,
  Name,
  Scalar,
  StructSyntax,
  TypeSyntax,
  UnionSyntax,
  Unit,
  Value,
} from "./syntax.ts";
import { describe, SyntaxFault, TokenStream } from "./token-stream.ts";

/** Reads a `.x` file (RFC 4506 §6, with rpcgen's `char` and `short`). Faults go to the log; what is sound is returned. */
export function parse(source: Source, log: DiagnosticLog): Unit {
  const { tokens, passThrough } = lex(source, log);
  const stream = new TokenStream(source, tokens, log);
  const doc = fileDoc(source.text, stream.next.comments, stream.next.start);
  const definitions: Definition[] = [];
  while (!stream.done) {
    const parsed = recovering(stream, definition, skipDefinition);
    if (parsed !== undefined) definitions.push(parsed);
  }
  return { source, doc, definitions, passThrough };
}

type Rule<T> = (stream: TokenStream) => T;

function recovering<T>(stream: TokenStream, rule: Rule<T>, skip: (stream: TokenStream) => void): T | undefined {
  try {
    return rule(stream);
  } catch (fault) {
    if (!(fault instanceof SyntaxFault)) throw fault;
    skip(stream);
    return undefined;
  }
}

const DEFINITIONS = new Map<string, Rule<Definition>>([
  ["const", constDefinition],
  ["enum", enumDefinition],
  ["struct", structDefinition],
  ["union", unionDefinition],
  ["typedef", typedefDefinition],
]);

function skipDefinition(stream: TokenStream): void {
  let previous = "";
  while (!stream.done && !opensDefinition(stream)) {
    const { text } = stream.take();
    // Inside a body a ";" ends only a field; it ends the definition behind "}", or where another one begins.
    if (text === ";" && (previous === "}" || DEFINITIONS.has(stream.next.text))) return;
    previous = text;
  }
}

/** A definition's keyword at the start of a line: even inside braces that were never closed, a new one begins here. */
function opensDefinition(stream: TokenStream): boolean {
  const { text, start } = stream.next;
  if (!DEFINITIONS.has(text) && text !== "program") return false;
  return start === 0 || stream.source.text[start - 1] === "\n";
}

/** Up to the end of a field or arm, over the braces of a nested type. */
function skipDeclaration(stream: TokenStream): void {
  let depth = 0;
  while (!stream.done && !opensDefinition(stream) && !(depth === 0 && stream.is("}"))) {
    const { text } = stream.take();
    if (text === "{") depth++;
    if (text === "}") depth--;
    if (text === ";" && depth === 0) return;
  }
}

function definition(stream: TokenStream): Definition {
  const rule = DEFINITIONS.get(stream.next.text);
  if (rule !== undefined) return rule(stream);
  if (stream.is("program")) refuseProgram(stream);
  const found = stream.take();
  const complaint = `expected const, enum, struct, typedef or union, found ${describe(found)}`;
  stream.complain(stream.span(found), complaint);
  throw new SyntaxFault(complaint);
}

function refuseProgram(stream: TokenStream): never {
  const hint = "list the procedures in an enum NAME_procedure { NAME_PROC_X = 1, … } beside NAME_PROGRAM";
  const keyword = stream.take();
  const message = "program blocks (RFC 5531) are not supported";
  stream.complain(stream.span(keyword), message, hint);
  throw new SyntaxFault(message);
}

function constDefinition(stream: TokenStream): Definition {
  const doc = stream.leadingDoc();
  stream.take();
  const constant = name(stream, "after const");
  stream.expect("=", `after ${constant.text}`);
  const assigned = value(stream, "after =");
  stream.expect(";", "at the end of the constant");
  return { kind: "const", name: constant, value: assigned, doc: [...doc, ...stream.trailingDoc()] };
}

function enumDefinition(stream: TokenStream): EnumSyntax {
  const doc = stream.leadingDoc();
  stream.take();
  const enumName = name(stream, "after enum");
  stream.expect("{", `after ${enumName.text}`);
  const members: EnumMemberSyntax[] = [];
  do {
    if (stream.is("}")) break;
    members.push(enumMember(stream));
  } while (lastMemberDoc(stream, members, stream.accept(",")));
  if (members.length === 0 && stream.is("}")) stream.complain(enumName.span, "an enum needs a member");
  stream.expect("}", "at the end of the enum");
  stream.expect(";", "behind the enum");
  return { kind: "enum", name: enumName, members, doc };
}

function enumMember(stream: TokenStream): EnumMemberSyntax {
  const doc = stream.leadingDoc();
  const member = name(stream, "in the enum");
  if (!stream.is("=")) stream.fail(`${member.text} has no value`, `XDR wants every value written: ${member.text} = 0`);
  stream.take();
  const assigned = value(stream, "after =");
  return { name: member, value: assigned, doc: [...doc, ...stream.trailingDoc()] };
}

/** A comment may follow the comma: it still belongs to the member before it. Returns `more` as it is. */
function lastMemberDoc(stream: TokenStream, members: EnumMemberSyntax[], more: boolean): boolean {
  const last = members.at(-1);
  const doc = more ? stream.trailingDoc() : [];
  if (last !== undefined && doc.length > 0) members[members.length - 1] = { ...last, doc: [...last.doc, ...doc] };
  return more;
}

function structDefinition(stream: TokenStream): StructSyntax {
  const doc = stream.leadingDoc();
  stream.take();
  const structName = name(stream, "after struct");
  const open = stream.expect("{", `after ${structName.text}`);
  if (stream.is("}")) {
    stream.complain(stream.spanFrom(open), "a struct needs a field", "a procedure without arguments needs no struct");
  }
  const fields: DeclarationSyntax[] = [];
  while (!stream.done && !stream.is("}") && !opensDefinition(stream)) {
    const field = recovering(stream, fieldDeclaration, skipDeclaration);
    if (field !== undefined) fields.push(field);
  }
  stream.expect("}", `at the end of struct ${structName.text}`);
  stream.expect(";", "behind the struct");
  return { kind: "struct", name: structName, fields, doc };
}

function fieldDeclaration(stream: TokenStream): DeclarationSyntax {
  const field = declaration(stream);
  stream.expect(";", `after ${field.name.text}`);
  return { ...field, doc: [...field.doc, ...stream.trailingDoc()] };
}

function typedefDefinition(stream: TokenStream): Definition {
  const doc = stream.leadingDoc();
  stream.take();
  const alias = fieldDeclaration(stream);
  return { kind: "typedef", ...alias, doc: [...doc, ...alias.doc] };
}

function unionDefinition(stream: TokenStream): UnionSyntax {
  const doc = stream.leadingDoc();
  stream.take();
  const unionName = name(stream, "after union");
  stream.expect("switch", `after ${unionName.text}`);
  stream.expect("(", "after switch");
  const discriminant = declaration(stream);
  stream.expect(")", "after the discriminant");
  const open = stream.expect("{", "after the discriminant");
  if (stream.is("}")) stream.complain(stream.spanFrom(open), "a union needs a case");
  const arms: ArmSyntax[] = [];
  while (stream.is("case")) {
    const arm = recovering(stream, caseArm, skipDeclaration);
    if (arm !== undefined) arms.push(arm);
  }
  const fallback = stream.is("default") ? defaultArm(stream) : null;
  if (fallback !== null && stream.is("case")) stream.fail("the default arm must be the last");
  stream.expect("}", `at the end of union ${unionName.text}`);
  stream.expect(";", "behind the union");
  return { kind: "union", name: unionName, discriminant, arms, fallback, doc };
}

function caseArm(stream: TokenStream): ArmSyntax {
  const doc = stream.leadingDoc();
  const first = stream.next;
  const labels: Value[] = [];
  while (stream.accept("case")) {
    labels.push(value(stream, "after case"));
    stream.expect(":", "after the case");
  }
  const span = stream.spanFrom(first);
  const arm = armDeclaration(stream);
  return { labels, declaration: arm, span, doc: [...doc, ...(arm?.doc ?? []), ...stream.trailingDoc()] };
}

function defaultArm(stream: TokenStream): ArmSyntax {
  const doc = stream.leadingDoc();
  const first = stream.take();
  stream.expect(":", "after default");
  const span = stream.spanFrom(first);
  const arm = armDeclaration(stream);
  return { labels: [], declaration: arm, span, doc: [...doc, ...(arm?.doc ?? []), ...stream.trailingDoc()] };
}

function armDeclaration(stream: TokenStream): DeclarationSyntax | null {
  const arm = stream.accept("void") ? null : declaration(stream);
  stream.expect(";", "at the end of the arm");
  return arm;
}

function declaration(stream: TokenStream): DeclarationSyntax {
  const doc = stream.leadingDoc();
  const first = stream.next;
  if (stream.is("string") || stream.is("opaque")) return bytesDeclaration(stream);
  const item = typeSpecifier(stream);
  const optional = stream.accept("*");
  const declared = name(stream, "after the type");
  const span = stream.spanFrom(first);
  const type = optional ? optionalType(stream, item, declared) : arrayType(stream, item);
  return { name: declared, type: { ...type, span }, doc };
}

function bytesDeclaration(stream: TokenStream): DeclarationSyntax {
  const doc = stream.leadingDoc();
  const first = stream.take();
  const keyword = first.text === "string" ? "string" : "opaque";
  const hint = `write typedef ${keyword} NAME<>; and use NAME`;
  if (stream.is("*")) stream.fail(`${keyword} cannot be optional by itself`, hint);
  const declared = name(stream, `after ${keyword}`);
  if (stream.accept("<")) {
    const limit = countLimit(stream);
    return { name: declared, type: { kind: keyword, limit, span: stream.spanFrom(first) }, doc };
  }
  if (keyword === "opaque" && stream.accept("[")) {
    const size = fixedSize(stream);
    return { name: declared, type: { kind: "fixedOpaque", size, span: stream.spanFrom(first) }, doc };
  }
  const wanted = keyword === "string" ? "<MAX>" : "<MAX> or [SIZE]";
  stream.fail(
    `${keyword} needs ${wanted}, found ${describe(stream.next)}`,
    `${keyword} ${declared.text}<>; has no limit`,
  );
}

function optionalType(stream: TokenStream, item: TypeSyntax, declared: Name): TypeSyntax {
  if (stream.is("<") || stream.is("[")) {
    stream.fail(`${declared.text} cannot be optional and an array at once`, "name the array with a typedef");
  }
  return { kind: "optional", item, span: item.span };
}

function arrayType(stream: TokenStream, item: TypeSyntax): TypeSyntax {
  const type = arraySuffix(stream, item);
  if (type !== item && (stream.is("<") || stream.is("["))) {
    stream.fail("an array has one dimension", "name the inner array with a typedef");
  }
  return type;
}

function arraySuffix(stream: TokenStream, item: TypeSyntax): TypeSyntax {
  if (stream.accept("<")) return { kind: "counted", item, limit: countLimit(stream), span: item.span };
  if (stream.accept("[")) return { kind: "fixed", item, size: fixedSize(stream), span: item.span };
  return item;
}

function countLimit(stream: TokenStream): Value | null {
  const limit = stream.is(">") ? null : value(stream, "after <");
  stream.expect(">", "after the limit");
  return limit;
}

function fixedSize(stream: TokenStream): Value {
  const size = value(stream, "after [");
  stream.expect("]", "after the size");
  return size;
}

const SCALARS = new Map<string, Scalar>([
  ["int", "int"],
  ["hyper", "hyper"],
  ["float", "float"],
  ["double", "double"],
  ["bool", "bool"],
  ["char", "char"],
  ["short", "short"],
]);

const UNSIGNED = new Map<string, Scalar>([
  ["int", "uint"],
  ["hyper", "uhyper"],
  ["char", "uchar"],
  ["short", "ushort"],
]);

/** Types that other dialects have, with what to write instead. */
const REFUSED = new Map([
  ["long", "write int for 32 bits or hyper for 64 bits"],
  ["quadruple", "no JavaScript number holds 128 bits: write opaque NAME[16]"],
  ["void", "only a union arm can be void"],
]);

function typeSpecifier(stream: TokenStream): TypeSyntax {
  const first = stream.next;
  if (first.kind !== "name") stream.fail(`expected a type, found ${describe(first)}`);
  stream.take();
  const scalar = first.text === "unsigned" ? unsignedScalar(stream) : SCALARS.get(first.text);
  if (scalar !== undefined) return { kind: "scalar", scalar, span: stream.spanFrom(first) };
  if (REFUSED.has(first.text)) return refusedType(stream, first, first);
  if (first.text === "struct" || first.text === "union" || first.text === "enum") return taggedType(stream, first);
  return { kind: "named", name: { text: first.text, span: stream.span(first) }, span: stream.span(first) };
}

function unsignedScalar(stream: TokenStream): Scalar {
  const { next } = stream;
  const scalar = UNSIGNED.get(next.text);
  if (scalar === undefined && next.text !== "long") return "uint";
  stream.take();
  if (scalar === undefined) refusedType(stream, next, next);
  return scalar ?? "uint";
}

function refusedType(stream: TokenStream, first: Token, at: Token): TypeSyntax {
  stream.complain(stream.span(at), `${at.text} is not a type here`, REFUSED.get(at.text));
  return { kind: "scalar", scalar: "int", span: stream.spanFrom(first) };
}

/** C's way to name a type, `struct foo x`: rpcgen takes it, so it is taken here. */
function taggedType(stream: TokenStream, keyword: Token): TypeSyntax {
  if (stream.is("{")) stream.fail(`a nested ${keyword.text} needs a name`, `define it before and use its name here`);
  const referred = name(stream, `after ${keyword.text}`);
  return { kind: "named", name: referred, span: stream.spanFrom(keyword) };
}

const KEYWORDS = new Set([
  ...DEFINITIONS.keys(),
  ...SCALARS.keys(),
  ...REFUSED.keys(),
  "case",
  "default",
  "opaque",
  "program",
  "string",
  "switch",
  "unsigned",
]);

function name(stream: TokenStream, where: string): Name {
  const { next } = stream;
  if (next.kind !== "name") stream.fail(`expected a name ${where}, found ${describe(next)}`);
  if (KEYWORDS.has(next.text)) stream.fail(`${describe(next)} is a keyword and cannot be a name`);
  stream.take();
  return { text: next.text, span: stream.span(next) };
}

/** More digits than any value of 64 bits has. */
const DIGITS_MAX = 32;

function value(stream: TokenStream, where: string): Value {
  const first = stream.next;
  const negative = stream.accept("-");
  const { next } = stream;
  if (next.kind === "number") return numberValue(stream, first, negative);
  if (negative) stream.fail(`expected a number after "-", found ${describe(next)}`);
  if (next.kind !== "name") stream.fail(`expected a number or a constant ${where}, found ${describe(next)}`);
  const constant = name(stream, where);
  return { kind: "constant", name: constant.text, span: constant.span };
}

function numberValue(stream: TokenStream, first: Token, negative: boolean): Value {
  const { text } = stream.take();
  const span = stream.spanFrom(first);
  if (text.length > DIGITS_MAX) stream.complain(span, "number has more than 64 bits");
  const magnitude = magnitudeOf(text);
  return { kind: "number", value: negative ? -magnitude : magnitude, text: negative ? `-${text}` : text, span };
}

/** The lexer has complained about text that is no number. */
function magnitudeOf(text: string): bigint {
  if (text.length > DIGITS_MAX || !/^(?:0[xX][\da-fA-F]+|\d+)$/.test(text)) return 0n;
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return BigInt(text);
}

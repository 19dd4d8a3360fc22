import type { DiagnosticLog } from "../diagnostics.ts";
import { placeOf, type Span } from "../source.ts";
import type { EnumItem, Field, Item, Module, ProcedureSpec, ProgramSpec, Spec } from "../spec.ts";

/** `remote_nonnull_domain` → `RemoteNonnullDomain`, `virNetMessageError` → `VirNetMessageError`. */
export function typeName(name: string): string {
  const words = isShouted(name) ? name.toLowerCase() : name;
  return escapeBinding(capitalized(camel(words)));
}

/** `need_results` → `needResults`, `nrVirtCpu` stays. */
export function fieldName(name: string): string {
  return escapeKey(camel(name));
}

/** `DOMAIN_CREATE_XML` → `domainCreateXml`. */
export function procedureName(name: string): string {
  return escapeKey(camel(name.toLowerCase()));
}

/** A constant keeps its name unless TypeScript needs it. */
export function constName(name: string): string {
  return escapeBinding(name);
}

export function programName({ name }: ProgramSpec): string {
  return typeName(name);
}

export function proceduresName(program: ProgramSpec): string {
  return `${programName(program)}Procedures`;
}

export function eventName(program: ProgramSpec, procedure: ProcedureSpec): string {
  return typeName(`${program.name}_${procedure.name}`);
}

/** Names of an enum's members without what they all begin with. */
export function memberNames({ name, members }: EnumItem): string[] {
  const names = members.map((member) => member.name);
  const others = names.length > 1 ? names : [...names, shouted(name)];
  let prefix = commonPrefix(others);
  while (prefix !== "" && names.some((each) => !/^[A-Za-z]/.test(each.slice(prefix.length)))) prefix = shorter(prefix);
  return names.map((each) => escapeKey(each.slice(prefix.length)));
}

/** A name in TypeScript and what it comes from. */
export interface Binding {
  readonly name: string;
  readonly span: Span;
}

/**
 * A name for a codec's local constant that holds the field `key`. It is none of the other `keys`, nor a name that the
 * module or the codec itself needs.
 */
export function localName(key: string, keys: ReadonlySet<string>, taken: ReadonlySet<string>): string {
  let name = key;
  while (RESERVED.has(name) || taken.has(name) || CODEC_LOCAL.test(name) || (name !== key && keys.has(name)))
    name += "_";
  return name;
}

/** Logs names that TypeScript cannot tell apart though XDR can. */
export function checkNames(spec: Spec, log: DiagnosticLog): void {
  const seen = new Map<string, Span>();
  for (const module of spec.modules) {
    for (const { name, span } of bindingsOf(module)) distinct(name, span, seen, log);
    for (const item of module.items) checkMembers(item, log);
    for (const program of module.programs) checkProcedures(program, log);
  }
}

/** Everything a module exports, by its name in TypeScript. */
export function bindingsOf(module: Module): Binding[] {
  const items = module.items.map(({ kind, name, span }) => ({
    name: kind === "const" ? constName(name) : typeName(name),
    span,
  }));
  const programs = module.programs.flatMap((program) => [
    { name: programName(program), span: program.span },
    { name: proceduresName(program), span: program.span },
    ...eventsOf(program).map((event) => ({ name: eventName(program, event), span: event.span })),
  ]);
  return [...items, ...programs];
}

export function eventsOf(program: ProgramSpec): ProcedureSpec[] {
  return program.procedures.filter((procedure) => procedure.msg !== null);
}

export function callsOf(program: ProgramSpec): ProcedureSpec[] {
  return program.procedures.filter((procedure) => procedure.msg === null);
}

function checkMembers(item: Item, log: DiagnosticLog): void {
  const seen = new Map<string, Span>();
  for (const { name, span } of keysOf(item)) distinct(name, span, seen, log);
}

function keysOf(item: Item): Binding[] {
  if (item.kind === "enum") return memberBindings(item);
  if (item.kind === "struct") return item.fields.map(fieldBinding);
  if (item.kind !== "union") return [];
  const arms = item.fallback === null ? item.arms : [...item.arms, item.fallback];
  const fields = arms.map((arm) => arm.field).filter((field) => field !== null);
  return [item.discriminant, ...fields].map(fieldBinding);
}

function memberBindings(item: EnumItem): Binding[] {
  return memberNames(item).map((name, index) => ({ name, span: item.members[index]?.span ?? item.span }));
}

function fieldBinding({ name, span }: Field): Binding {
  return { name: fieldName(name), span };
}

function checkProcedures(program: ProgramSpec, log: DiagnosticLog): void {
  const seen = new Map<string, Span>();
  for (const { name, span } of callsOf(program)) distinct(procedureName(name), span, seen, log);
}

function distinct(name: string, span: Span, seen: Map<string, Span>, log: DiagnosticLog): void {
  const before = seen.get(name);
  seen.set(name, before ?? span);
  if (before === undefined) return;
  const { line, column } = placeOf(before.source, before.start);
  log.error(
    span,
    `becomes ${name} in TypeScript, as does ${before.source.name}:${line}:${column}`,
    "rename one of them",
  );
}

function isShouted(name: string): boolean {
  return !/[a-z]/.test(name);
}

/** `virStreamFlags` → `VIR_STREAM_FLAGS`. */
function shouted(name: string): string {
  return name.replace(/([a-z\d])([A-Z])/g, "$1_$2").toUpperCase();
}

/** Underscores at either end stay: they are all that tells `_x` from `x`. */
function camel(name: string): string {
  return name.replace(/(?<=[^_])_+([^_])/g, (_, after: string) => after.toUpperCase());
}

function capitalized(name: string): string {
  return name.replace(/[A-Za-z]/, (first) => first.toUpperCase());
}

/** The longest common beginning that ends in an underscore. */
function commonPrefix(names: readonly string[]): string {
  const [first = ""] = names;
  let length = first.length;
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length--;
  return uptoUnderscore(first.slice(0, length));
}

function shorter(prefix: string): string {
  return uptoUnderscore(prefix.slice(0, -1));
}

function uptoUnderscore(text: string): string {
  return text.slice(0, text.lastIndexOf("_") + 1);
}

/** Words that no constant of a module can be called. */
const RESERVED = new Set([
  ..."arguments await break case catch class const continue debugger default delete do else enum eval export".split(
    " ",
  ),
  ..."extends false finally for function globalThis if implements import in instanceof interface let new null".split(
    " ",
  ),
  ..."package private protected public return static super switch this throw true try typeof undefined var".split(" "),
  ..."void while with yield".split(" "),
]);

/** Names that generated modules use themselves. */
const USED = new Set(["EventType", "Procedure", "Program", "Uint8Array", "XdrType", "XdrVoid"]);

/** The codecs' parameters and loop variables. */
const CODEC_LOCAL = /^(?:reader|writer|value|(?:n|item|items)\d*)$/;

/** Keys that every object has, or that make it something else (`then`). */
const MEANINGFUL = new Set([
  ..."__proto__ constructor hasOwnProperty isPrototypeOf propertyIsEnumerable then toLocaleString".split(" "),
  ..."toString valueOf __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__".split(" "),
]);

function escapeBinding(name: string): string {
  return RESERVED.has(name) || USED.has(name) ? `${name}_` : name;
}

function escapeKey(name: string): string {
  return MEANINGFUL.has(name) ? `${name}_` : name;
}

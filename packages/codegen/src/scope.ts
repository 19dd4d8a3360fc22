import type { DiagnosticLog } from "./diagnostics.ts";
import { placeOf, type Span } from "./source.ts";
import type { EnumSyntax, Name, StructSyntax, TypedefSyntax, UnionSyntax, Unit, Value } from "./syntax.ts";

export type TypeDefinition = EnumSyntax | StructSyntax | TypedefSyntax | UnionSyntax;

/** Every name of one compile. Types and constants share one space of names (RFC 4506 §6.4). */
export interface Scope {
  readonly types: ReadonlyMap<string, TypeEntry>;
  /** By the name of a constant or an enum member. */
  readonly constants: ReadonlyMap<string, bigint>;
  /** Constants whose own fault is logged: a use of one is not another fault. */
  readonly broken: ReadonlySet<string>;
}

export interface TypeEntry {
  readonly definition: TypeDefinition;
  readonly module: string;
}

/** `defines`: constants from outside, of which no file may have another one. */
export function openScope(
  units: readonly { readonly unit: Unit; readonly module: string }[],
  defines: ReadonlyMap<string, bigint>,
  log: DiagnosticLog,
): Scope {
  const types = new Map<string, TypeEntry>();
  const values = new Map<string, Value>();
  const declared = new Map<string, Span>();
  const declare = (name: Name): boolean => isNew(name, declared, defines, log);
  for (const { unit, module } of units) {
    for (const definition of unit.definitions) {
      if (!declare(definition.name)) continue;
      if (definition.kind === "const") values.set(definition.name.text, definition.value);
      else types.set(definition.name.text, { definition, module });
      if (definition.kind !== "enum") continue;
      for (const member of definition.members) {
        if (declare(member.name)) values.set(member.name.text, member.value);
      }
    }
  }
  return { types, ...evaluate(values, defines, log) };
}

function isNew(
  name: Name,
  declared: Map<string, Span>,
  defines: ReadonlyMap<string, bigint>,
  log: DiagnosticLog,
): boolean {
  const before = declared.get(name.text);
  if (before === undefined && !defines.has(name.text)) {
    declared.set(name.text, name.span);
    return true;
  }
  const where = before === undefined ? "given with --define" : `defined at ${place(before)}`;
  log.error(name.span, `${name.text} is already ${where}`);
  return false;
}

function place(span: Span): string {
  const { line, column } = placeOf(span.source, span.start);
  return `${span.source.name}:${line}:${column}`;
}

/** `TRUE` and `FALSE` are part of the language (RFC 4506 §4.4). */
const BUILTIN = new Map([
  ["FALSE", 0n],
  ["TRUE", 1n],
]);

function evaluate(
  values: ReadonlyMap<string, Value>,
  defines: ReadonlyMap<string, bigint>,
  log: DiagnosticLog,
): Pick<Scope, "constants" | "broken"> {
  const constants = new Map([...BUILTIN, ...defines]);
  const broken = new Set<string>();
  const done = new Set<string>();
  for (const name of values.keys()) {
    const chain = follow(name, values, done);
    const last = chain.at(-1);
    if (last === undefined) continue;
    const result = broken.has(target(last)) ? undefined : valueOf(last.value, chain, constants, log);
    for (const link of chain) {
      done.add(link.name);
      if (result === undefined) broken.add(link.name);
      else constants.set(link.name, result);
    }
  }
  return { constants, broken };
}

function target(link: Link): string {
  return link.value.kind === "constant" ? link.value.name : "";
}

interface Link {
  readonly name: string;
  readonly value: Value;
}

/** The constants that must be known for `name`, as far as they are not: each names the next. */
function follow(name: string, values: ReadonlyMap<string, Value>, done: ReadonlySet<string>): Link[] {
  const chain: Link[] = [];
  const seen = new Set<string>();
  let at = name;
  for (;;) {
    const value = values.get(at);
    if (value === undefined || done.has(at) || seen.has(at)) return chain;
    seen.add(at);
    chain.push({ name: at, value });
    if (value.kind === "number") return chain;
    at = value.name;
  }
}

function valueOf(
  last: Value,
  chain: readonly Link[],
  known: ReadonlyMap<string, bigint>,
  log: DiagnosticLog,
): bigint | undefined {
  if (last.kind === "number") return last.value;
  const value = known.get(last.name);
  if (value !== undefined) return value;
  if (chain.some((link) => link.name === last.name)) {
    log.error(
      last.span,
      `constant ${last.name} is defined by itself`,
      chain.length > 1 ? trace(chain, last.name) : undefined,
    );
  } else {
    unknownConstant(last.name, last.span, log);
  }
  return undefined;
}

function trace(chain: readonly Link[], again: string): string {
  const names = chain.map((link) => link.name);
  return `${names.slice(names.indexOf(again), names.indexOf(again) + 8).join(" = ")} = ${again}`;
}

/** Logs a constant that no file defines. */
export function unknownConstant(name: string, span: Span, log: DiagnosticLog): void {
  log.error(
    span,
    `unknown constant ${name}`,
    `compile the .x file that defines it too, or give --define ${name}=VALUE`,
  );
}

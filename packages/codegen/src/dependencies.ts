import type { DiagnosticLog } from "./diagnostics.ts";
import type { Scope, TypeDefinition } from "./scope.ts";
import type { DeclarationSyntax, Name, TypeSyntax } from "./syntax.ts";

/**
 * The types of a scope, each after those it is made of. Types made of themselves are logged and left out, with all
 * that is made of them.
 */
export function inDependencyOrder(scope: Scope, log: DiagnosticLog): string[] {
  const needs = new Map([...scope.types].map(([name, { definition }]) => [name, neededBy(definition, scope)]));
  const order = sortedByNeeds(needs);
  const left = new Map(needs);
  for (const name of order) left.delete(name);
  reportCycles(left, log);
  return order;
}

/** Names of types in this scope, each with the declaration that brings it in. */
type Needs = ReadonlyMap<string, Name>;

function neededBy(definition: TypeDefinition, scope: Scope): Needs {
  const needs = new Map<string, Name>();
  for (const { name, type } of declarationsOf(definition)) {
    const needed = namedType(type);
    if (needed !== undefined && scope.types.has(needed)) needs.set(needed, name);
  }
  return needs;
}

function declarationsOf(definition: TypeDefinition): DeclarationSyntax[] {
  if (definition.kind === "enum") return [];
  if (definition.kind === "typedef") return [definition];
  if (definition.kind === "struct") return [...definition.fields];
  const { discriminant, arms, fallback } = definition;
  const declared = [...arms, ...(fallback === null ? [] : [fallback])].map((arm) => arm.declaration);
  return [discriminant, ...declared.filter((declaration) => declaration !== null)];
}

function namedType(type: TypeSyntax): string | undefined {
  if (type.kind === "named") return type.name.text;
  return "item" in type ? namedType(type.item) : undefined;
}

function sortedByNeeds(needs: ReadonlyMap<string, Needs>): string[] {
  const open = new Map([...needs].map(([name, its]) => [name, its.size]));
  const users = new Map<string, string[]>([...needs.keys()].map((name) => [name, []]));
  for (const [name, its] of needs) {
    for (const needed of its.keys()) users.get(needed)?.push(name);
  }
  const order = [...needs.keys()].filter((name) => open.get(name) === 0);
  for (const name of order) {
    for (const user of users.get(name) ?? []) {
      const rest = (open.get(user) ?? 0) - 1;
      open.set(user, rest);
      if (rest === 0) order.push(user);
    }
  }
  return order;
}

function reportCycles(left: ReadonlyMap<string, Needs>, log: DiagnosticLog): void {
  const seen = new Set<string>();
  for (const start of left.keys()) {
    const path: string[] = [];
    let at: string | undefined = start;
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      path.push(at);
      at = [...(left.get(at)?.keys() ?? [])].find((name) => left.has(name));
    }
    if (at !== undefined && path.includes(at)) reportCycle(path.slice(path.indexOf(at)), left, log);
  }
}

function reportCycle(cycle: readonly string[], left: ReadonlyMap<string, Needs>, log: DiagnosticLog): void {
  const [first = "", second = first] = cycle;
  const field = left.get(first)?.get(second);
  if (field === undefined) return;
  const through = cycle.length > 1 ? `, through ${cycle.slice(1, 8).join(" and ")}` : "";
  const hint = "a list is an array: struct NAME list<>; values that hold themselves are not supported";
  log.error(field.span, `${first} contains itself${through}`, hint);
}

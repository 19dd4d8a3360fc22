import type { DiagnosticLog } from "./diagnostics.ts";
import type { Span } from "./source.ts";
import type { Item, Module, Spec, Type, TypeName } from "./spec.ts";

/** A type of another module. */
export interface ForeignType extends TypeName {
  /** Of an enum only the type is needed, not its numbers. */
  readonly typeOnly: boolean;
  /** What needs it. */
  readonly span: Span;
}

/** The types of other modules that a module needs, each once. */
export function foreignTypes(module: Module): ForeignType[] {
  const found = new Map<string, ForeignType>();
  const add = (type: ForeignType): void => {
    if (type.module !== module.name && !found.has(type.name)) found.set(type.name, type);
  };
  for (const item of module.items) for (const type of typesOf(item)) addReferences(type, item.span, add);
  for (const { procedures } of module.programs) {
    for (const { args, ret, msg, span } of procedures) {
      for (const type of [args, ret, msg]) if (type !== null) add({ ...type, typeOnly: false, span });
    }
  }
  return [...found.values()];
}

/** Logs files that need one another in a circle: their modules could not be loaded. */
export function checkImports({ modules }: Spec, log: DiagnosticLog): void {
  const needs = new Map(modules.map((module) => [module.name, foreignTypes(module)]));
  const done = new Set<string>();
  for (const name of needs.keys()) visit(name, [], needs, done, log);
}

function visit(
  name: string,
  path: readonly string[],
  needs: ReadonlyMap<string, readonly ForeignType[]>,
  done: Set<string>,
  log: DiagnosticLog,
): void {
  if (done.has(name)) return;
  const here = [...path, name];
  for (const type of needs.get(name) ?? []) {
    if (here.includes(type.module)) reportCircle(here.slice(here.indexOf(type.module)), type, log);
    else visit(type.module, here, needs, done, log);
  }
  done.add(name);
}

function reportCircle(circle: readonly string[], { name, span }: ForeignType, log: DiagnosticLog): void {
  const files = circle.map((module) => `${module}.x`).join(" and ");
  log.error(span, `${files} need each other, here for ${name}`, "move what they share to a file of its own");
}

function typesOf(item: Item): Type[] {
  switch (item.kind) {
    case "alias":
      return [item.type];
    case "struct":
      return item.fields.map((field) => field.type);
    case "union":
      return [...item.arms, ...(item.fallback === null ? [] : [item.fallback])].flatMap(
        ({ field }) => field?.type ?? [],
      );
    case "const":
    case "enum":
      return [];
  }
}

function addReferences(type: Type, span: Span, add: (type: ForeignType) => void): void {
  if ("item" in type) addReferences(type.item, span, add);
  else if ("module" in type) add({ name: type.name, module: type.module, typeOnly: type.kind === "enum", span });
}

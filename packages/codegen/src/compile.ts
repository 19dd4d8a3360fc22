import { type Diagnostic, DiagnosticLog } from "./diagnostics.ts";
import { withLibvirtPrograms } from "./dialect/libvirt.ts";
import { moduleText } from "./emit/module.ts";
import { checkNames } from "./emit/names.ts";
import { parse } from "./parser.ts";
import { checkImports } from "./references.ts";
import { type NamedUnit, resolve } from "./resolver.ts";
import { openSource, type Source } from "./source.ts";
import type { Spec } from "./spec.ts";
import type { Unit } from "./syntax.ts";

export interface CompileOptions {
  /** Constants that no file defines: numbers, or text as a `.x` file would write it. */
  readonly defines?: Readonly<Record<string, number | bigint | string>>;
  /** What generated code imports its types from. */
  readonly runtime?: string;
}

export interface Compiled {
  /** Generated text by file name (`echo.ts`); empty when there is an error. */
  readonly files: Readonly<Record<string, string>>;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Analyzed {
  /** The files as written, in the order given. */
  readonly units: readonly Unit[];
  /** `undefined` when there is an error. */
  readonly spec: Spec | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles `.x` files, given by name, to TypeScript. Types and constants are shared by all of them. A pure function:
 * same input, same output.
 */
export function compile(files: Readonly<Record<string, string>>, options: CompileOptions = {}): Compiled {
  const { spec, diagnostics } = analyze(files, options);
  const runtime = options.runtime ?? "virnet/codegenv1";
  const texts = (spec?.modules ?? []).map((module) => [`${module.name}.ts`, moduleText(module, runtime)] as const);
  return { files: Object.fromEntries(texts), diagnostics };
}

/** What the files mean, for tools that make something else of it. */
export function analyze(files: Readonly<Record<string, string>>, options: CompileOptions = {}): Analyzed {
  const log = new DiagnosticLog();
  const sources = Object.entries(files).map(([name, text]) => openSource(name, text));
  const units = sources.map((source) => ({ unit: parse(source, log), module: moduleName(source.name) }));
  checkModules(units, log);
  const spec = log.failed ? undefined : understand(units, options, log);
  return {
    units: units.map(({ unit }) => unit),
    spec: log.failed ? undefined : spec,
    diagnostics: log.sorted(sources.map((source) => source.name)),
  };
}

function understand(
  units: readonly NamedUnit[],
  { defines = {} }: CompileOptions,
  log: DiagnosticLog,
): Spec | undefined {
  const constants = new Map(Object.entries(defines).map(([name, value]) => [name, BigInt(value)]));
  const resolved = resolve(units, constants, log);
  if (log.failed) return undefined;
  const spec = withLibvirtPrograms(resolved, log);
  checkImports(spec, log);
  checkNames(spec, log);
  return spec;
}

/** `dir/echo.x` is the module `echo`. */
function moduleName(file: string): string {
  return file.replace(/^.*[/\\]/, "").replace(/\.x$/, "");
}

function checkModules(units: readonly NamedUnit[], log: DiagnosticLog): void {
  const seen = new Map<string, Source>();
  for (const { unit, module } of units) {
    const before = seen.get(module);
    const span = { source: unit.source, start: 0, end: 1 };
    if (!/^\w[\w.-]*$/.test(module)) log.error(span, "a file name needs letters, digits, _, - and . only");
    else if (before !== undefined)
      log.error(span, `${unit.source.name} and ${before.name} would both become ${module}.ts`);
    else if (unit.definitions.length === 0 && !log.failed) log.error(span, "the file defines nothing");
    seen.set(module, unit.source);
  }
}

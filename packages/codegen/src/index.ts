/**
 * The compiler behind `virnet-gen`: `.x` files in, TypeScript and diagnostics out.
 *
 * @module
 */
export type { Annotations } from "./annotations.ts";
export { type Analyzed, analyze, type Compiled, type CompileOptions, compile } from "./compile.ts";
export { type Diagnostic, formatDiagnostic } from "./diagnostics.ts";
export type * from "./spec.ts";
export type * as syntax from "./syntax.ts";

import { type CompileOptions, compile } from "../../src/compile.ts";
import { formatDiagnostic } from "../../src/diagnostics.ts";

/** What the compiler says about one file `t.x`, as people see it. */
export function complaints(text: string, options?: CompileOptions): string {
  return complaintsAbout({ "t.x": text }, options);
}

export function complaintsAbout(files: Record<string, string>, options?: CompileOptions): string {
  return compile(files, options).diagnostics.map(formatDiagnostic).join("\n");
}

/** The TypeScript of one file `t.x` without its first lines; throws when there is any complaint. */
export function emitted(text: string, options?: CompileOptions): string {
  const { files, diagnostics } = compile({ "t.x": text }, options);
  if (diagnostics.length > 0) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return (files["t.ts"] ?? "").replace(/^\/\/.*\n(?:\/\/.*\n)*\n/, "").replace(/^import .*\n\n/, "");
}

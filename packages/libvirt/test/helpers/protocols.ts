import { readdirSync, readFileSync } from "node:fs";
import { type Analyzed, analyze, type CompileOptions, compile, type ProgramSpec, type Spec } from "@virnet/codegen";

/** A folder of `.x` files, with what its package's `generate` script makes of them. */
export interface Protocols {
  readonly files: Readonly<Record<string, string>>;
  readonly options: CompileOptions;
  /** Where the generated code is. */
  readonly out: URL;
}

export const libvirt: Protocols = {
  files: filesIn("../../x/"),
  options: {},
  out: new URL("../../src/gen/", import.meta.url),
};

export const framing: Protocols = {
  files: filesIn("../../../rpc/x/"),
  options: { runtime: "../../codegenv1.ts", defines: { VIR_UUID_BUFLEN: 16 } },
  out: new URL("../../../rpc/src/protocol/gen/", import.meta.url),
};

export function generated(protocols: Protocols): Readonly<Record<string, string>> {
  return compile(protocols.files, protocols.options).files;
}

/** Throws when there is anything to complain about. */
export function understood({ files, options }: Protocols): Analyzed & { readonly spec: Spec } {
  const analyzed = analyze(files, options);
  const { spec, diagnostics } = analyzed;
  if (spec === undefined || diagnostics.length > 0)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { ...analyzed, spec };
}

export function programsOf({ spec }: { readonly spec: Spec }): ProgramSpec[] {
  return spec.modules.flatMap((module) => module.programs);
}

export function textIn(folder: URL, name: string): string | undefined {
  return readdirSync(folder).includes(name) ? readFileSync(new URL(name, folder), "utf8") : undefined;
}

function filesIn(path: string): Record<string, string> {
  const folder = new URL(path, import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".x"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
}

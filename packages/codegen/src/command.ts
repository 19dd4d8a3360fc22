import { parseArgs } from "node:util";
import { type CompileOptions, compile } from "./compile.ts";
import { formatDiagnostic } from "./diagnostics.ts";
import { GENERATED } from "./emit/module.ts";

/** All that the command touches outside itself. Paths join with `/`. */
export interface Disk {
  /** Throws when there is no such file. */
  read(path: string): string;
  write(path: string, text: string): void;
  /** File names in a folder; empty when there is no such folder. */
  list(folder: string): readonly string[];
  print(text: string): void;
  complain(text: string): void;
}

const USAGE = `Usage: virnet-gen FILE.x… --out DIR [options]

Compiles XDR .x files to TypeScript, one .ts for each. The files of one call share their names.

  --out DIR             where the .ts files go
  --define NAME=VALUE   a constant that no file defines; may be repeated
  --runtime SPECIFIER   what generated code imports instead of virnet/codegenv1
  --check               write nothing; fail when a file differs, is missing or is left over
  --help, --version
`;

/** Runs `virnet-gen` and returns its exit code: 0 done, 1 a fault in the files, 2 a fault in the arguments. */
export function run(argv: readonly string[], version: string, disk: Disk): number {
  try {
    return obey(readArguments(argv), version, disk);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    disk.complain(`virnet-gen: ${error.message}\n`);
    return 2;
  }
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Arguments {
  readonly files: readonly string[];
  readonly out: string | undefined;
  readonly options: CompileOptions;
  readonly check: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

function readArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(argv);
  const { out, define = [], runtime, check = false, help = false, version = false } = values;
  const defines = Object.fromEntries(define.map(readDefine));
  const options = { defines, ...(runtime === undefined ? {} : { runtime }) };
  return { files: positionals, out, options, check, help, version };
}

const OPTIONS = {
  out: { type: "string" },
  define: { type: "string", multiple: true },
  runtime: { type: "string" },
  check: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readDefine(text: string): [string, bigint] {
  const [, name, sign, digits] =
    /^([A-Za-z_]\w*)=(-?)(0[xX][\da-fA-F]{1,16}|0[0-7]{0,22}|[1-9]\d{0,19})$/.exec(text) ?? [];
  if (name === undefined || digits === undefined)
    throw new UsageError(`--define ${text} is not NAME=VALUE with a number`);
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return [name, sign === "-" ? -magnitude : magnitude];
}

function obey(args: Arguments, version: string, disk: Disk): number {
  if (args.help || args.version) {
    disk.print(args.help ? USAGE : `${version}\n`);
    return 0;
  }
  if (args.files.length === 0) throw new UsageError("which .x files? See --help");
  if (args.out === undefined) throw new UsageError("--out DIR is missing. See --help");
  return generate(args, args.out, disk);
}

function generate({ files, options, check }: Arguments, out: string, disk: Disk): number {
  const { files: generated, diagnostics } = compile(readAll(files, disk), options);
  for (const diagnostic of diagnostics) disk.complain(`${formatDiagnostic(diagnostic)}\n`);
  if (diagnostics.some(({ severity }) => severity === "error")) return 1;
  return check ? compare(generated, out, disk) : writeAll(generated, out, disk);
}

function readAll(files: readonly string[], disk: Disk): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file, readSource(file, disk)]));
}

function readSource(file: string, disk: Disk): string {
  try {
    return disk.read(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function writeAll(generated: Readonly<Record<string, string>>, out: string, disk: Disk): number {
  for (const [name, text] of Object.entries(generated)) {
    if (textOf(`${out}/${name}`, disk) !== text) disk.write(`${out}/${name}`, text);
  }
  return 0;
}

function compare(generated: Readonly<Record<string, string>>, out: string, disk: Disk): number {
  const faults = Object.entries(generated).flatMap(([name, text]) => {
    const found = textOf(`${out}/${name}`, disk);
    if (found === text) return [];
    return [`${out}/${name} ${found === undefined ? "is missing" : "differs"}`];
  });
  faults.push(...leftOver(generated, out, disk).map((name) => `${out}/${name} comes from no .x file given`));
  for (const fault of faults) disk.complain(`${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}

function leftOver(generated: Readonly<Record<string, string>>, out: string, disk: Disk): string[] {
  const others = disk.list(out).filter((name) => name.endsWith(".ts") && !Object.hasOwn(generated, name));
  return others.filter((name) => textOf(`${out}/${name}`, disk)?.startsWith(GENERATED)).toSorted();
}

function textOf(path: string, disk: Disk): string | undefined {
  try {
    return disk.read(path);
  } catch {
    return undefined;
  }
}

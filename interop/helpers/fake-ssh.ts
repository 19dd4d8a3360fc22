import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A program in the place of ssh, or of any other, that only writes down how it was started. */
export interface FakeProgram {
  readonly path: string;
  /** The last start; absent is `null`. */
  readonly started: () => Promise<Start | null>;
}

export interface Start {
  readonly argv: readonly string[];
  /** The names of its environment's variables, in order. */
  readonly env: readonly string[];
}

export async function fakeProgram(folder: string): Promise<FakeProgram> {
  const path = join(folder, "fake-program");
  const log = join(folder, "fake-program.json");
  await writeFile(
    path,
    `#!${process.execPath}
const { writeFileSync } = require("node:fs");
writeFileSync(${JSON.stringify(log)}, JSON.stringify({ argv: process.argv.slice(2), env: Object.keys(process.env).sort() }));
process.exit(1);
`,
  );
  await chmod(path, 0o755);
  return {
    path,
    started: async () => {
      const text = await readFile(log, "utf8").catch(() => null);
      await rm(log, { force: true });
      return text === null ? null : (JSON.parse(text) as Start);
    },
  };
}

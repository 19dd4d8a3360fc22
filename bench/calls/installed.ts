import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Is there a program of this name? */
export async function isInstalled(program: string): Promise<boolean> {
  return promisify(execFile)("sh", ["-c", 'command -v "$1"', "sh", program]).then(
    () => true,
    () => false,
  );
}

import { fileURLToPath } from "node:url";

/** Path of a file in this repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** Path of one of the test bed's commands: `testbedScript("up")`. */
export function testbedScript(name: string): string {
  return repositoryPath(`interop/testbed/${name}`);
}

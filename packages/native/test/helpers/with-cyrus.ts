import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, it } from "vitest";
import { cyrusClient } from "../../src/cyrus/client.ts";
import { clientContext } from "./authenticate.ts";

/**
 * A suite that needs the machine's Cyrus SASL with the usual plug-ins, and saslpasswd2. Where something is absent the
 * suite is skipped and says so in its name; with CI set, that is a failed test instead.
 */
export function describeWithCyrus(name: string, suite: () => void): void {
  if (absent.length === 0) describe(name, suite);
  else if (isCi()) describe(name, failForAbsence);
  else describe.skip(`${name} (needs ${absent.join(", ")})`, suite);
}

const needed = ["SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "NTLM", "GSSAPI", "GS2-KRB5"];

const absent = await absentHere();

async function absentHere(): Promise<string[]> {
  const tools = isInstalled("saslpasswd2") ? [] : ["saslpasswd2"];
  try {
    const present = await (await cyrusClient()).mechanisms(clientContext({}));
    return [...tools, ...needed.filter((name) => !present.includes(name))];
  } catch {
    return [...tools, "libsasl2"];
  }
}

function isInstalled(program: string): boolean {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...path, "/usr/sbin", "/sbin"].some((directory) => isExecutable(join(directory, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isCi(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== "" && CI !== "false" && CI !== "0";
}

function failForAbsence(): void {
  it(`finds ${absent.join(", ")}`, () => {
    throw new Error(`absent: ${absent.join(", ")}; as root, run interop/testbed/install`);
  });
}

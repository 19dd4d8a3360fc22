import { describe, it } from "vitest";
import { openLibsasl2 } from "../../src/cyrus/libsasl2.ts";
import { loadForeign } from "../../src/foreign.ts";

/**
 * A suite that needs the machine's libsasl2. Where it is absent the suite is skipped and says so in its name; with CI
 * set, that is a failed test instead.
 */
export function describeWithCyrus(name: string, suite: () => void): void {
  if (absence === null) describe(name, suite);
  else if (isCi()) describe(name, () => failFor(absence));
  else describe.skip(`${name} (needs libsasl2)`, suite);
}

const absence = await absenceOfCyrus();

async function absenceOfCyrus(): Promise<unknown> {
  try {
    openLibsasl2(await loadForeign());
    return null;
  } catch (error) {
    return error;
  }
}

function isCi(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== "" && CI !== "false" && CI !== "0";
}

function failFor(error: unknown): void {
  it("finds libsasl2", () => {
    throw error;
  });
}

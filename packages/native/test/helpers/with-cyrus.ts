import { absentOf, describeUnlessAbsent } from "../../../../interop/helpers/peers.ts";
import { cyrusClient } from "../../src/cyrus/client.ts";
import { clientContext } from "./authenticate.ts";

/** A suite that needs the machine's Cyrus SASL with the usual plug-ins, and saslpasswd2; absent, they count as absent peers. */
export function describeWithCyrus(name: string, suite: () => void): void {
  describeUnlessAbsent(absent, name, suite);
}

const needed = ["SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "NTLM", "GSSAPI", "GS2-KRB5"];

const absent = await absentHere();

async function absentHere(): Promise<string[]> {
  const tools = absentOf(["saslpasswd2"]);
  try {
    const present = await (await cyrusClient()).mechanisms(clientContext({}));
    return [...tools, ...needed.filter((name) => !present.includes(name))];
  } catch {
    return [...tools, "libsasl2"];
  }
}

import { describe, expect, it } from "vitest";
import { KeyFinder } from "../../src/sasl/key-store.ts";
import { plainClient, plainServer } from "../../src/sasl/plain.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { scramKeys } from "../../src/sasl/scram-keys.ts";
import { bytes, clientContext, converse, patient, serverContext } from "../helpers/sasl.ts";

const keys = scramKeys("tanstaaftanstaaf", { mechanism: "SCRAM-SHA-1", iterations: 4096 });
const server = plainServer(new KeyFinder(async (user) => (user === "tim" ? [await keys] : null)));

describe("PLAIN", () => {
  it("says what RFC 4616 shows, and forgets it", async () => {
    const client = plainClient.start(clientContext("tim", "tanstaaftanstaaf"));
    const { output } = await client.step(null, patient);
    expect(output).toEqual(bytes("\0tim\0tanstaaftanstaaf"));
    client.close();
    expect(output).toEqual(new Uint8Array(21));
  });

  it("lets the right password in", async () => {
    const ends = await converse(
      plainClient.start(clientContext("tim", "tanstaaftanstaaf")),
      server.start(serverContext),
    );
    expect(ends.server).toEqual({ done: true, output: null, user: "tim", layer: null, ssf: 0 });
  });

  it("waits for a client that says nothing at first", async () => {
    const exchange = server.start(serverContext);
    expect(await exchange.step(null, patient)).toEqual({ done: false, output: null });
    expect(await exchange.step(bytes("tim\0tim\0tanstaaftanstaaf"), patient)).toMatchObject({
      done: true,
      user: "tim",
    });
  });

  it.each([
    ["a wrong password", "\0tim\0tanstaaf"],
    ["a stranger", "\0ursel\0tanstaaftanstaaf"],
    ["somebody else to act as", "Ursel\0tim\0tanstaaftanstaaf"],
    ["nothing", ""],
    ["one part less", "tim\0tanstaaftanstaaf"],
    ["one part more", "\0tim\0tanstaaftanstaaf\0"],
    ["an empty password", "\0tim\0"],
    ["a password that SASLprep forbids", "\0tim\0\u0007\u00e9"],
    ["a long name", `\0${"x".repeat(1025)}\0x`],
    ["64 KiB of NUL", "\0".repeat(65_536)],
  ])("refuses %s", async (_, message) => {
    await expect(server.start(serverContext).step(bytes(message), patient)).rejects.toThrow(SaslError);
  });

  it("is for safe connections", () => {
    expect(server.fits({ ...serverContext, plaintext: false })).toBe(false);
    expect(plainClient.fits(clientContext("u", "p", { plaintext: false }))).toBe(false);
  });

  it("tells no password in what it throws", async () => {
    const secret = "\u0007sécret";
    const failure = plainClient.start(clientContext("tim", secret)).step(null, patient);
    await expect(failure).rejects.toThrow("the password has characters that SASLprep (RFC 4013) does not allow");
  });
});

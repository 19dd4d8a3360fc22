import { describe, expect, it } from "vitest";
import { type FindKeys, KeyFinder } from "../../src/sasl/key-store.ts";
import type { ChannelBindingType, SaslClientContext, SaslServerContext } from "../../src/sasl/mechanism.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { scramClient } from "../../src/sasl/scram-client.ts";
import type { ScramKeys, ScramName } from "../../src/sasl/scram-hash.ts";
import { scramKeys } from "../../src/sasl/scram-keys.ts";
import { scramServer } from "../../src/sasl/scram-server.ts";
import { bytes, clientContext, converse, patient, serverContext, text } from "../helpers/sasl.ts";

interface Vector {
  readonly mechanism: ScramName;
  readonly salt: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly clientFinal: string;
  readonly serverFinal: string;
}

/** User "user", password "pencil": RFC 5802 §5, RFC 7677 §3, and one of the same kind, worked out with Python's hashlib. */
const vectors: readonly Vector[] = [
  {
    mechanism: "SCRAM-SHA-1",
    salt: "QSXCR+Q6sek8bf92",
    clientNonce: "fyko+d2lbbFgONRv9qkxdawL",
    serverNonce: "3rfcNHYJY1ZVvWVs7j",
    clientFirst: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    serverFirst: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    clientFinal: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    serverFinal: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
  },
  {
    mechanism: "SCRAM-SHA-256",
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    clientNonce: "rOprNGfwEbeRWgbNEkqO",
    serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    clientFinal:
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  },
  {
    mechanism: "SCRAM-SHA-512",
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    clientNonce: "rOprNGfwEbeRWgbNEkqO",
    serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    clientFinal:
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
    serverFinal: "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
  },
];

const passwords = new Map([
  ["user", "pencil"],
  ["alice", "sécret"],
]);

function usersWith(mechanism: ScramName, salt?: Uint8Array): KeyFinder {
  const find: FindKeys = async (user) => {
    const password = passwords.get(user);
    if (password === undefined) return null;
    return [await scramKeys(password, { mechanism, iterations: 4096, ...(salt && { salt }) })];
  };
  return new KeyFinder(find);
}

const mechanisms: readonly ScramName[] = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

describe.each(vectors)("$mechanism, message by message", (vector) => {
  const { mechanism } = vector;

  it("for a client", async () => {
    const client = scramClient(mechanism, { nonce: () => vector.clientNonce }).start(clientContext("user", "pencil"));
    expect(text((await client.step(null, patient)).output)).toBe(vector.clientFirst);
    expect(text((await client.step(bytes(vector.serverFirst), patient)).output)).toBe(vector.clientFinal);
    const end = { done: true, output: null, user: "user", layer: null, ssf: 0 };
    expect(await client.step(bytes(vector.serverFinal), patient)).toEqual(end);
  });

  it("for a server", async () => {
    const users = usersWith(mechanism, Buffer.from(vector.salt, "base64"));
    const server = scramServer(mechanism, users, { nonce: () => vector.serverNonce }).start(serverContext);
    expect(text((await server.step(bytes(vector.clientFirst), patient)).output)).toBe(vector.serverFirst);
    const end = await server.step(bytes(vector.clientFinal), patient);
    expect(end).toMatchObject({ done: true, user: "user", layer: null, ssf: 0 });
    expect(text(end.output)).toBe(vector.serverFinal);
  });
});

describe.each(mechanisms)("%s", (mechanism) => {
  const users = usersWith(mechanism);
  const server = scramServer(mechanism, users);
  const client = scramClient(mechanism);

  it("lets the right password in, whatever its characters", async () => {
    for (const [user, password] of [...passwords, ["alice", "se\u0301cret"], ["ali\u00adce", "sécret"]] as const) {
      const ends = await converse(client.start(clientContext(user, password)), server.start(serverContext));
      expect(ends.server.user).toBe(user.replace("\u00ad", ""));
      expect(ends.client.done).toBe(true);
    }
  });

  it.each([
    ["a wrong password", "user", "pencils"],
    ["a stranger", "stranger", "pencil"],
  ])("turns away %s", async (_, user, password) => {
    const exchange = server.start(serverContext);
    await expect(converse(client.start(clientContext(user, password)), exchange)).rejects.toThrow(SaslError);
    await expect(exchange.step(null, patient)).rejects.toThrow("a message out of turn");
  });

  it("shows a stranger the same salt every time, and each another", async () => {
    const challenge = async (user: string): Promise<string | undefined> => {
      const { output } = await server.start(serverContext).step(bytes(`n,,n=${user},r=x`), patient);
      return /s=([^,]+)/.exec(text(output) ?? "")?.[1];
    };
    expect(await challenge("stranger")).toBe(await challenge("stranger"));
    expect(await challenge("stranger")).not.toBe(await challenge("other"));
    expect((await challenge("stranger"))?.length).toBe((await challenge("user"))?.length);
  });

  it("gives names their realm", async () => {
    const finder = new KeyFinder(
      async (user): Promise<readonly ScramKeys[] | null> =>
        user === "u@x" ? [await scramKeys("p", { mechanism, iterations: 4096 })] : null,
    );
    const context = { ...serverContext, realm: "x" };
    const at = scramServer(mechanism, finder);
    for (const name of ["u", "u@x"]) {
      const ends = await converse(client.start(clientContext(name, "p")), at.start(context));
      expect(ends.server.user).toBe("u@x");
    }
    await expect(converse(client.start(clientContext("u@y", "p")), at.start(context))).rejects.toThrow(SaslError);
  });
});

describe("bound to the channel", () => {
  const channel =
    (value: number, type: ChannelBindingType = "tls-exporter"): SaslServerContext["channelBinding"] =>
    (asked) =>
      asked === type ? Uint8Array.of(value) : null;
  const users = usersWith("SCRAM-SHA-256");
  const plusServer = scramServer("SCRAM-SHA-256", users, { plus: true });
  const plainServer = scramServer("SCRAM-SHA-256", users, { plusOffered: true });
  const context = (value: number, rest: Partial<SaslClientContext> = {}): SaslClientContext =>
    clientContext("user", "pencil", { channelBinding: channel(value), offered: ["SCRAM-SHA-256-PLUS"], ...rest });

  it.each(["tls-exporter", "tls-unique"] as const)("by %s", async (type) => {
    const channelBinding = channel(1, type);
    const client = scramClient("SCRAM-SHA-256", { plus: true }).start(context(1, { channelBinding }));
    const ends = await converse(client, plusServer.start({ ...serverContext, channelBinding }));
    expect(ends.server.user).toBe("user");
  });

  it("refuses another channel", async () => {
    const client = scramClient("SCRAM-SHA-256", { plus: true }).start(context(2));
    const server = plusServer.start({ ...serverContext, channelBinding: channel(1) });
    await expect(converse(client, server)).rejects.toThrow("the channel binding differs");
  });

  it("finds out that the offer was taken out of the list", async () => {
    const client = scramClient("SCRAM-SHA-256").start(context(1, { offered: ["SCRAM-SHA-256"] }));
    const server = plainServer.start({ ...serverContext, channelBinding: channel(1) });
    await expect(converse(client, server)).rejects.toThrow("somebody changes what passes");
  });

  it("is not used by who does not want to", async () => {
    const server = plainServer.start({ ...serverContext, channelBinding: channel(1) });
    expect((await converse(scramClient("SCRAM-SHA-256").start(context(1)), server)).server.user).toBe("user");
  });

  it("is offered only where the connection has a binding", () => {
    expect(plusServer.fits(serverContext)).toBe(false);
    expect(plusServer.fits({ ...serverContext, channelBinding: channel(1) })).toBe(true);
    expect(scramClient("SCRAM-SHA-256", { plus: true }).fits(clientContext("u", "p"))).toBe(false);
  });
});

describe("what a server says", () => {
  const nonce = "own";
  const after = async (first: string, final?: string): Promise<unknown> => {
    const client = scramClient("SCRAM-SHA-256", { nonce: () => nonce }).start(clientContext("user", "pencil"));
    await client.step(null, patient);
    const answer = await client.step(bytes(first), patient);
    return final === undefined ? answer : client.step(bytes(final), patient);
  };
  const good = "r=own1,s=AAAA,i=4096";

  it.each([
    ["another nonce", "r=other,s=AAAA,i=4096", "does not extend ours"],
    ["our nonce alone", "r=own,s=AAAA,i=4096", "does not extend ours"],
    ["too few iterations", "r=own1,s=AAAA,i=4095", "4096 to 10000000"],
    ["too many iterations", "r=own1,s=AAAA,i=10000001", "4096 to 10000000"],
    ["iterations that are no number", "r=own1,s=AAAA,i=1e6", "4096 to 10000000"],
    ["no salt", "r=own1,s=,i=4096", "not base64"],
    ["a mandatory extension", "m=x,r=own1,s=AAAA,i=4096", "lacks its attribute r"],
    ["one at the end", "r=own1,s=AAAA,i=4096,m=x", "no optional extension"],
    ["no text", "\u0000", "lacks its attribute r"],
  ])("first: %s is refused", async (_, first, reason) => {
    await expect(after(first)).rejects.toThrow(reason);
  });

  it("first: optional extensions pass", async () => {
    expect(await after(`${good},x=y`)).toMatchObject({ done: false });
  });

  it.each([
    ["a wrong signature", `v=${Buffer.alloc(32).toString("base64")}`, "does not know the password"],
    ["a short one", "v=AAAA", "does not know the password"],
    ["an error", "e=invalid-proof", 'refused: "invalid-proof"'],
    ["nothing", "", "lacks its attribute v"],
  ])("last: %s is refused", async (_, final, reason) => {
    await expect(after(good, final)).rejects.toThrow(reason);
  });
});

describe("what a client says", () => {
  const server = scramServer("SCRAM-SHA-256", usersWith("SCRAM-SHA-256"), { nonce: () => "s" });

  it.each([
    ["no GS2 header", "n=user,r=x"],
    ["a mandatory extension", "n,,m=x,n=user,r=x"],
    ["no name", "n,,n=,r=x"],
    ["a bare =", "n,,n=us=er,r=x"],
    ["a name that SASLprep forbids", "n,,n=\u0007,r=x"],
    ["a nonce that is not printable", "n,,n=user,r=\u00e9"],
    ["no nonce", "n,,n=user"],
    ["binding without -PLUS", "p=tls-exporter,,n=user,r=x"],
    ["somebody else to act as", "n,a=root,n=user,r=x"],
    ["a name of 1025 characters", `n,,n=${"x".repeat(1025)},r=x`],
    ["64 KiB", `n,,n=user,r=${"x".repeat(65_000)}`],
  ])("first: %s is refused", async (_, first) => {
    await expect(server.start(serverContext).step(bytes(first), patient)).rejects.toThrow(SaslError);
  });

  it("first: bytes that are no UTF-8 are refused", async () => {
    const first = server.start(serverContext).step(Uint8Array.of(0x6e, 0x2c, 0x2c, 0xff), patient);
    await expect(first).rejects.toThrow("not UTF-8");
  });

  it.each([[null], [""]])("first: %j means that it waits, once", async (nothing) => {
    const exchange = server.start(serverContext);
    const empty = nothing === null ? null : bytes(nothing);
    expect(await exchange.step(empty, patient)).toEqual({ done: false, output: null });
    await expect(exchange.step(empty, patient)).rejects.toThrow(SaslError);
  });

  it("first: itself to act as is fine", async () => {
    expect(await server.start(serverContext).step(bytes("n,a=user,n=user,r=x"), patient)).toMatchObject({
      done: false,
    });
  });

  it.each([
    ["no proof", "c=biws,r=xs"],
    ["another nonce", "c=biws,r=xt,p=AAAA"],
    ["another header", "c=eSws,r=xs,p=AAAA"],
    ["a proof of the wrong length", "c=biws,r=xs,p=AAAA"],
    ["a proof of zeros", `c=biws,r=xs,p=${Buffer.alloc(32).toString("base64")}`],
  ])("last: %s is refused", async (_, final) => {
    const exchange = server.start(serverContext);
    await exchange.step(bytes("n,,n=user,r=x"), patient);
    await expect(exchange.step(bytes(final), patient)).rejects.toThrow(SaslError);
  });
});

it("a client without a name or password says so", async () => {
  const start = (user: string | null, password: string | null) =>
    scramClient("SCRAM-SHA-256", { nonce: () => "own" }).start(clientContext(user, password));
  await expect(start(null, "x").step(null, patient)).rejects.toThrow("SCRAM-SHA-256 needs a user name");
  const client = start("user", null);
  await client.step(null, patient);
  const next = client.step(bytes("r=own1,s=AAAA,i=4096"), patient);
  await expect(next).rejects.toThrow("SCRAM-SHA-256 needs a password");
});

it("gives up with the signal's reason", async () => {
  const ask = (): Promise<string | null> => new Promise(() => {});
  const client = scramClient("SCRAM-SHA-256").start(clientContext(null, null, { ask }));
  const abort = new AbortController();
  const step = client.step(null, abort.signal);
  abort.abort(new Error("enough"));
  await expect(step).rejects.toThrow("enough");
});

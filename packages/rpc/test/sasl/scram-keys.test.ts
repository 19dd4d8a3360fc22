import * as fc from "fast-check";
import { expect, it } from "vitest";
import { formatKeys, isPasswordOf, parseKeys, scramKeys } from "../../src/sasl/scram-keys.ts";

it("makes of RFC 7677's password what PostgreSQL would keep", async () => {
  const salt = new Uint8Array(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const keys = await scramKeys("pencil", { mechanism: "SCRAM-SHA-256", iterations: 4096, salt });
  const text =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
  expect(formatKeys(keys)).toBe(text);
  expect(parseKeys(text)).toEqual(keys);
  expect(await isPasswordOf("pencil", keys)).toBe(true);
  expect(await isPasswordOf("Pencil", keys)).toBe(false);
});

it("salts each anew", async () => {
  const [one, other] = await Promise.all([scramKeys("p"), scramKeys("p")]);
  expect(formatKeys(one)).not.toBe(formatKeys(other));
  expect(one).toMatchObject({ mechanism: "SCRAM-SHA-256", iterations: 32_768 });
});

it.each([
  ["an empty password", "", {}, "the password is empty"],
  ["a forbidden character", "é\u0007", {}, "SASLprep"],
  ["too few iterations", "p", { iterations: 4095 }, "iterations is 4095"],
  ["too many", "p", { iterations: 10_000_001 }, "iterations is 10000001"],
  ["no salt", "p", { salt: new Uint8Array() }, "the salt is empty"],
])("refuses %s", async (_, password, options, reason) => {
  await expect(scramKeys(password, options)).rejects.toThrow(reason);
});

const key = Buffer.alloc(32, 7).toString("base64");

it.each([
  ["", "expected SCRAM-SHA-256$"],
  ["SCRAM-SHA-224$4096:AAAA$AAAA:AAAA", "expected SCRAM-SHA-256$"],
  [`SCRAM-SHA-256$1:AAAA$${key}:${key}`, "iterations is 1"],
  [`SCRAM-SHA-256$4096:AAA$${key}:${key}`, "the salt is not base64"],
  [`SCRAM-SHA-256$4096:AAAA$AAAA:${key}`, "the stored key has 3 bytes, expected 32"],
  [`SCRAM-SHA-512$4096:AAAA$${key}:${key}`, "the stored key has 32 bytes, expected 64"],
])("does not read %j", (text, reason) => {
  expect(() => parseKeys(text)).toThrow(reason);
  expect(() => parseKeys(text)).not.toThrow(key);
});

it("reads anything, or says why not", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => parseKeys(text)).toThrow(TypeError);
    }),
  );
});

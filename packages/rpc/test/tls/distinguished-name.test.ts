import { AsnConvert } from "@peculiar/asn1-schema";
import { describe, expect, it } from "vitest";
import { distinguishedNameOf } from "../../src/tls/distinguished-name.ts";
import { type NameParts, nameOf } from "../helpers/pki.ts";

const textOf = (name: NameParts): string => distinguishedNameOf(new Uint8Array(AsnConvert.serialize(nameOf(name))));

// The real virt-pki-query-dn says the same of these: interop/tls.test.ts.
describe("the text of a distinguished name", () => {
  it("keeps the certificate's order, and joins the parts of one with +", () => {
    const name: NameParts = [
      [["2.5.4.10", "Org X"]],
      [
        ["2.5.4.42", "multi"],
        ["2.5.4.3", "someone"],
      ],
      [["2.5.4.8", "London"]],
    ];
    expect(textOf(name)).toBe("O=Org X,givenName=multi+CN=someone,ST=London");
  });

  it.each([
    ['#Acme; <x>=+"q" ', '\\#Acme\\; \\<x\\>=\\+\\"q\\"\\ '],
    ["a\\b, c", "a\\\\b\\, c"],
    [" lead", "\\ lead"],
    ["in # side", "in # side"],
    [" ", "\\ "],
    ["Köln", "Köln"],
  ])("escapes %j", (text, expected) => {
    expect(textOf([[["2.5.4.3", text]]])).toBe(`CN=${expected}`);
  });

  it("writes what it does not know, or is of another string type than it should be, as bytes", () => {
    expect(textOf([[["2.5.4.97", "VATDE-1"]]])).toBe("2.5.4.97=#0c0756415444452d31");
    expect(textOf([[["2.5.4.6", "DE"]]])).toBe("C=#0c024445");
    expect(textOf([[["2.5.4.6", "DE", "printableString"]]])).toBe("C=DE");
    expect(textOf([[["1.2.840.113549.1.9.1", "a@b", "ia5String"]]])).toBe("EMAIL=a@b");
  });

  it("is not made of what is no name", () => {
    expect(() => distinguishedNameOf(Uint8Array.of(1, 2, 3))).toThrow(Error);
  });
});

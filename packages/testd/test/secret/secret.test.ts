import { describe, expect, it } from "vitest";
import { Secret } from "../../src/secret/secret.ts";
import { SecretList } from "../../src/secret/secret-list.ts";
import { formatXml } from "../../src/xml/format.ts";

const UUID = "41111111-2222-4333-8444-555555555555";
const xml = (usage: string, attributes = "", uuid = UUID): string =>
  `<secret ${attributes}><uuid>${uuid}</uuid>${usage}</secret>`;
const ceph = (name: string): string => `<usage type='ceph'><name>${name}</name></usage>`;

describe("a secret", () => {
  it("is written in canonical form", () => {
    const secret = new Secret(xml(`<description>d</description>${ceph("client.a")}`, "private='yes'"));
    expect(formatXml(secret.definition)).toBe(`<secret ephemeral='no' private='yes'>
  <uuid>${UUID}</uuid>
  <description>d</description>
  <usage type='ceph'>
    <name>client.a</name>
  </usage>
</secret>
`);
    expect(secret.reference).toMatchObject({ usageType: 2, usageID: "client.a" });
  });

  it("gets a UUID when it has none", () => {
    expect(new Secret("<secret/>").uuid).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ["<secret ephemeral='perhaps'/>", "invalid value of 'ephemeral'"],
    ["<secret><usage/></secret>", "unknown secret usage type"],
    ["<secret><usage type='sport'/></secret>", "unknown secret usage type sport"],
    ["<secret><usage type='volume'/></secret>", "volume usage specified, but volume is missing"],
    ["<network/>", "expecting root element of 'secret', not 'network'"],
  ])("is refused as %s", (text, message) => {
    expect(() => new Secret(text)).toThrow(message);
  });

  it("tells its value only when it has one and is not private", () => {
    const secret = new Secret(xml(""));
    expect(() => secret.reveal()).toThrow("does not have a value");
    secret.value = Uint8Array.of(1);
    expect(secret.reveal()).toEqual(Uint8Array.of(1));
    const hidden = new Secret(xml("", "private='yes'"));
    hidden.value = Uint8Array.of(1);
    expect(() => hidden.reveal()).toThrow("secret is private");
  });
});

describe("a list", () => {
  it("finds secrets by UUID and by usage", () => {
    const list = new SecretList();
    const secret = new Secret(xml(ceph("a")));
    list.define(secret);
    expect(list.require(UUID)).toBe(secret);
    expect(list.requireUsage(2, "a")).toBe(secret);
    list.forget(secret);
    expect(() => list.require(UUID)).toThrow(`no secret with matching uuid '${UUID}'`);
    expect(() => list.requireUsage(2, "a")).toThrow("no secret with matching usage 'a'");
  });

  it("keeps the value of one that is defined again", () => {
    const list = new SecretList();
    const secret = new Secret(xml(ceph("a")));
    list.define(secret);
    secret.value = Uint8Array.of(7);
    list.define(new Secret(xml(`<description>new</description>${ceph("a")}`)));
    expect(list.require(UUID).value).toEqual(Uint8Array.of(7));
  });

  it("refuses two secrets of one use, another use of one secret, and to make one public", () => {
    const list = new SecretList();
    list.define(new Secret(xml(ceph("a"), "private='yes'")));
    expect(() => list.define(new Secret(xml(ceph("a"), "", UUID.replace("4", "5"))))).toThrow(
      "already defined for use",
    );
    expect(() => list.define(new Secret(xml(ceph("b"), "private='yes'")))).toThrow("is already defined for use with a");
    expect(() => list.define(new Secret(xml(ceph("a"))))).toThrow("cannot change private flag");
  });

  it("is bounded", () => {
    const list = new SecretList();
    for (let i = 0; i < 1024; i++) list.define(new Secret("<secret/>"));
    expect(() => list.define(new Secret("<secret/>"))).toThrow("at most 1024 secrets");
  });
});

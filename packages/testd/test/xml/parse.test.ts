import { RpcError } from "virnet";
import { describe, expect, it } from "vitest";
import { formatXml } from "../../src/xml/format.ts";
import { parseAnyXml, parseXml } from "../../src/xml/parse.ts";

const KIND = { document: "domain_definition", domain: 20 };

function complaint(xml: string): RpcError {
  try {
    parseXml(xml, "a", KIND);
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error("parsed");
}

describe("parseXml", () => {
  it.each([
    ["", "(domain_definition):1: Document is empty"],
    ["<a>", "(domain_definition):1: Premature end of data in tag a line 1"],
    ["<a>\n<b>\n</a>", "(domain_definition):3: Opening and ending tag mismatch: b line 2 and a"],
    ["<a b=1/>", "(domain_definition):1: AttValue: \" or ' expected"],
    ["<a>&foo;</a>", "(domain_definition):1: Entity 'foo' not defined"],
    ["hello", "(domain_definition):1: Start tag expected, '<' not found"],
    ["<a/><b/>", "(domain_definition):1: Extra content at the end of the document"],
    ["<a", "(domain_definition):1: Couldn't find end of Start Tag a line 1"],
  ])("says of %j what libvirt says", (xml, expected) => {
    const { code, domain, message } = complaint(xml);
    expect(message.split("\n")[0]).toBe(expected);
    expect({ code, domain }).toEqual({ code: 35, domain: 20 });
  });

  it("refuses another root", () => {
    const { code, domain, message } = complaint("<foo/>");
    expect(message).toBe("XML error: expecting root element of 'a', not 'foo'");
    expect({ code, domain }).toEqual({ code: 27, domain: 5 });
  });

  it("does not expand entities of a document's own", () => {
    const bomb = '<!DOCTYPE a [<!ENTITY x "xxxxxxxx"><!ENTITY y "&x;&x;">]><a>&y;</a>';
    expect(complaint(bomb).message).toContain("Entity 'y' not defined");
  });

  it.each([
    ["depth", "<a>".repeat(257) + "</a>".repeat(257)],
    ["elements", `<a>${"<b/>".repeat(20_000)}</a>`],
    ["attributes", `<a ${Array.from({ length: 20_000 }, (_, i) => `b${i}=''`).join(" ")}/>`],
    ["length", `<a>${"x".repeat(1_048_577)}</a>`],
  ])("refuses a document of too great %s", (_, xml) => {
    expect(complaint(xml).message).toContain("Document is too large");
  });

  it("takes the deepest document that libxml2 takes", () => {
    expect(parseXml("<a>".repeat(256) + "</a>".repeat(256), "a", KIND).name).toBe("a");
  });

  it("reads up to a NUL, as C does", () => {
    expect(parseXml("<a/>\0 rubbish", "a", KIND).name).toBe("a");
  });
});

describe("formatXml", () => {
  it("writes blanks, quotes and escapes as libvirt does", () => {
    const tree = parseAnyXml('<a x="it\'s"><b>1 &lt; 2 &amp; "3"</b><c/>\n <d>\n</d></a>', KIND);
    expect(formatXml(tree)).toBe(
      "<a x='it&apos;s'>\n  <b>1 &lt; 2 &amp; &quot;3&quot;</b>\n  <c/>\n  <d>\n</d>\n</a>\n",
    );
  });

  it("leaves applications' elements to the rules of an XML library", () => {
    const tree = parseAnyXml(`<a><metadata><k:x xmlns:k='u' y="it's"/></metadata></a>`, KIND);
    expect(formatXml(tree)).toContain(`<k:x xmlns:k="u" y="it's"/>`);
  });
});

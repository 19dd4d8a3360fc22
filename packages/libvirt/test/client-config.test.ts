import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyConfig, parseClientConfig } from "../src/client-config.ts";
import { UriError } from "../src/uri-error.ts";

const parse = (text: string) => parseClientConfig(text, "libvirt.conf");

describe("libvirt.conf", () => {
  it("says where URIs lead", () => {
    const config = parse(`# comment
uri_aliases = [
  "hail=qemu+ssh://root@hail.cloud.example.com/system",   # one
  'sleet=qemu+ssh://root@sleet.cloud.example.com/system?a=b',
]
uri_default = "qemu:///system"
remote_mode = 'direct'
remote_proxy="""native"""
tls_priority = "NORMAL"  # the last
some_number = -3
`);
    expect(config).toEqual({
      uriDefault: "qemu:///system",
      uriAliases: new Map([
        ["hail", "qemu+ssh://root@hail.cloud.example.com/system"],
        ["sleet", "qemu+ssh://root@sleet.cloud.example.com/system?a=b"],
      ]),
      remoteMode: "direct",
      remoteProxy: "native",
      tlsPriority: "NORMAL",
    });
  });

  it.each(["", "\n\n", '# nothing\n#uri_default = "x"', "  \t# indented"])("may say nothing: %j", (text) => {
    expect(parse(text)).toEqual(emptyConfig);
  });

  it.each([
    ["uri_default", "libvirt.conf, line 1: expected = behind uri_default"],
    ["a = 1\nuri_default = qemu", "line 2: expected a text in quotes, a number or a list"],
    ["uri_default = 3", "line 1: uri_default must be a text in quotes"],
    ['uri_default = "a" "b"', "line 1: more than one value for uri_default"],
    ['uri_default = "a\nb"', "line 1: expected a text"],
    ["\n= 3", "line 2: expected the name of a setting"],
    ['uri_aliases = "a=b"', 'line 1: uri_aliases must be a list of "name=URI"'],
    ['uri_aliases = [ "a" ]', "line 1: the alias a is not of the form name=URI"],
    ['uri_aliases = [ "a b=c" ]', "is not of the form"],
    ["uri_aliases = [ 1 ]", "the alias 1 is not of the form"],
    ['uri_aliases = [ "a=b" "c=d" ]', "line 1: expected , or ]"],
    ['uri_aliases = [ "a=b"', "line 1: expected , or ]"],
    [`x = ${"[".repeat(100)}`, "expected a text"],
  ])("is refused with its line: %j", (text, complaint) => {
    expect(() => parse(text)).toThrow(UriError);
    expect(() => parse(text)).toThrow(complaint);
  });

  it("never fails in another way", () => {
    const piece = fc.constantFrom("a", "=", " ", "\n", '"', "'", '"""', "[", "]", ",", "#", "1", "-", "\r");
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (text) => {
          expect(failureOf(text)).toSatisfy((error) => error === null || error instanceof UriError);
        },
      ),
    );
  });
});

function failureOf(text: string): unknown {
  try {
    parse(text);
    return null;
  } catch (error) {
    return error;
  }
}

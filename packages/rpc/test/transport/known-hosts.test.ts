import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fingerprint,
  type HostVerdict,
  judgeHostKey,
  knownHostLine,
  knownTypes,
  parseKnownHosts,
  typeOf,
} from "../../src/transport/known-hosts.ts";

/** A key's blob: length and name of its type, and whatever. */
function key(type: string, seed: string): Uint8Array {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, Buffer.from(seed)]);
}

const ed1 = key("ssh-ed25519", "one");
const ed2 = key("ssh-ed25519", "two");
const rsa = key("ssh-rsa", "three");
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function hashed(name: string, salt = "salt"): string {
  const hash = createHmac("sha1", salt).update(name).digest("base64");
  return `|1|${Buffer.from(salt).toString("base64")}|${hash}`;
}

function judge(text: string, host: string, port: number, shown: Uint8Array): HostVerdict {
  return judgeHostKey(parseKnownHosts(text), { host, port }, shown);
}

describe("known_hosts", () => {
  it.each([
    [`kvm1 ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`KVM1 ssh-ed25519 ${base64(ed1)} a comment`, "kvm1", 22],
    [`kvm1 ssh-ed25519 ${base64(ed1)}\r\n`, "KVM1", 22],
    [`# comment\n\n\tkvm1\tssh-ed25519\t${base64(ed1)}`, "kvm1", 22],
    [`a,kvm1,b ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`[kvm1]:2222 ssh-ed25519 ${base64(ed1)}`, "kvm1", 2222],
    [`[::1]:2222,::1 ssh-ed25519 ${base64(ed1)}`, "::1", 22],
    [`*.example.org ssh-ed25519 ${base64(ed1)}`, "a.b.example.org", 22],
    [`kvm? ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`[*]:2222 ssh-ed25519 ${base64(ed1)}`, "kvm1", 2222],
    [`${hashed("kvm1")} ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`${hashed("[kvm1]:7")} ssh-ed25519 ${base64(ed1)}`, "kvm1", 7],
    [`kvm1 ssh-ed25519 ${base64(ed2)}\nkvm1 ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`kvm1 ssh-rsa ${base64(rsa)}\nkvm1 ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
  ])("%j knows the key of %s:%i", (text, host, port) => {
    expect(judge(text, host, port, ed1)).toEqual({ verdict: "known" });
  });

  it.each([
    ["", "kvm1", 22],
    ["rubbish\n@\n@revoked\n@marker x y\nkvm1 ssh-ed25519\nkvm1 ssh-ed25519 !!!", "kvm1", 22],
    [`# kvm1 ssh-ed25519 ${base64(ed2)}`, "kvm1", 22],
    [`#kvm1 ssh-ed25519 ${base64(ed2)}`, "kvm1", 22],
    [`kvm1 ssh-ed25519 ${base64(ed1)}`, "kvm1", 2222],
    [`[kvm1]:2222 ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`*.example.org,!a.example.org ssh-ed25519 ${base64(ed1)}`, "a.example.org", 22],
    [`!kvm1 ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`@cert-authority * ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`@revoked other ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`|2|c2FsdA==|xx ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
    [`|1|c2FsdA==|xx ssh-ed25519 ${base64(ed1)}`, "kvm1", 22],
  ])("%j knows nothing of %s:%i", (text, host, port) => {
    expect(judge(text, host, port, ed1)).toEqual({ verdict: "unknown" });
  });

  it("refuses another key, of whatever type, and says where the known one is", () => {
    expect(judge(`\nkvm1 ssh-ed25519 ${base64(ed2)}`, "kvm1", 22, ed1)).toEqual({ verdict: "changed", line: 2 });
    expect(judge(`kvm1 ssh-rsa ${base64(rsa)}`, "kvm1", 22, ed1)).toEqual({ verdict: "changed", line: 1 });
    const both = `kvm1 ssh-rsa ${base64(rsa)}\nkvm1 ssh-ed25519 ${base64(ed2)}`;
    expect(judge(both, "kvm1", 22, ed1)).toEqual({ verdict: "changed", line: 2 });
  });

  it("refuses a revoked key, even one that another line knows", () => {
    const text = `kvm1 ssh-ed25519 ${base64(ed1)}\n@revoked * ssh-ed25519 ${base64(ed1)}`;
    expect(judge(text, "kvm1", 22, ed1)).toEqual({ verdict: "revoked", line: 2 });
    expect(judge(`@revoked * ssh-ed25519 ${base64(ed2)}`, "kvm1", 22, ed1)).toEqual({ verdict: "unknown" });
  });

  it("tells the types to ask for", () => {
    const text = `kvm1 ssh-rsa ${base64(rsa)}\nkvm1 ssh-ed25519 ${base64(ed1)}\nkvm2 x ${base64(ed2)}\nkvm1 ssh-rsa ${base64(ed2)}`;
    expect(knownTypes(parseKnownHosts(text), { host: "kvm1", port: 22 })).toEqual(["ssh-rsa", "ssh-ed25519"]);
  });

  it("takes in what it has itself written", () => {
    const host = fc.stringMatching(/^[a-zA-Z0-9.:-]{1,20}$/).filter((name) => !name.startsWith("#"));
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), fc.string(), (name, port, seed) => {
        const shown = key("ssh-ed25519", seed);
        const known = parseKnownHosts(knownHostLine({ host: name, port }, shown));
        expect(judgeHostKey(known, { host: name, port }, shown)).toEqual({ verdict: "known" });
        expect(judgeHostKey(known, { host: name, port }, key("ssh-ed25519", `${seed}x`)).verdict).toBe("changed");
        expect(judgeHostKey(known, { host: `${name}x`, port }, shown).verdict).toBe("unknown");
      }),
    );
  });

  it("never fails, whatever is in the file", () => {
    const piece = fc.constantFrom(
      "kvm1",
      "*",
      "?",
      "!",
      ",",
      "|1|",
      "|",
      "@revoked",
      "@cert-authority",
      " ",
      "\n",
      "[",
      "]:",
      "ssh-rsa",
      "AAAA",
      "#",
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (text) => {
          expect(["known", "unknown", "changed", "revoked"]).toContain(judge(text, "kvm1", 22, ed1).verdict);
        },
      ),
    );
  });

  it("is not slowed down by a pattern that is made for that", () => {
    const text = `${"*a".repeat(5000)} ssh-ed25519 ${base64(ed1)}`;
    expect(judge(text, "a".repeat(250), 22, ed1)).toEqual({ verdict: "unknown" });
  });
});

describe("a key", () => {
  it("has a type and a fingerprint", () => {
    expect(typeOf(ed1)).toBe("ssh-ed25519");
    expect(typeOf(Uint8Array.of(0, 0))).toBe("");
    expect(typeOf(Uint8Array.of(255, 255, 255, 255, 1))).toBe("");
    expect(fingerprint(ed1, Uint8Array.of(1, 2))).toBe("ssh-ed25519 SHA256:AQI");
  });
});

import { expect, it } from "vitest";
import type { Certificate } from "../../src/tls/certificate.ts";
import { parseCertificate } from "../../src/tls/certificate.ts";
import { hostProblem } from "../../src/tls/host-name.ts";
import { issue } from "../helpers/pki.ts";

const certificate = (name: string, dns: readonly string[] = [], ip: readonly string[] = []): Certificate =>
  parseCertificate(issue({ name, dns, ip }).pem);

it.each([
  ["a.example.org", "*.example.org"],
  ["A.EXAMPLE.org.", "a.example.ORG"],
  ["xn--kln-sna.example.org", "xn--kln-sna.example.org"],
  ["köln.example.org", "xn--kln-sna.example.org"],
])("%s is covered by %s", (host, pattern) => {
  expect(hostProblem(certificate("cn", [pattern]), host)).toBeNull();
});

it.each([
  ["a.b.example.org", "*.example.org"],
  ["example.org", "*.example.org"],
  [".example.org", "*.example.org"],
  ["example.org", "*.org"],
  ["abc.example.org", "a*.example.org"],
  ["a.b.example.org", "a.*.example.org"],
  ["host", "*"],
  ["192.0.2.1", "*.0.2.1"],
  ["192.0.2.1", "192.0.2.1"],
])("%s is not covered by the name %s", (host, pattern) => {
  expect(hostProblem(certificate("cn", [pattern]), host)).toBe(`the certificate is for ${pattern}, not for ${host}`);
});

it("asks the common name only when there is no other name or address", () => {
  expect(hostProblem(certificate("kvm1"), "kvm1")).toBeNull();
  expect(hostProblem(certificate("192.0.2.1"), "192.0.2.1")).toBeNull();
  expect(hostProblem(certificate("kvm1", ["kvm2"]), "kvm1")).toContain("for kvm2");
  expect(hostProblem(certificate("kvm1", [], ["192.0.2.1"]), "kvm1")).toContain("for 192.0.2.1");
});

it("compares addresses, not their spellings", () => {
  const ip = certificate("cn", [], ["2001:db8::1", "192.0.2.1"]);
  expect(hostProblem(ip, "2001:0DB8:0:0:0:0:0:1")).toBeNull();
  expect(hostProblem(ip, "2001:db8::2")).not.toBeNull();
});

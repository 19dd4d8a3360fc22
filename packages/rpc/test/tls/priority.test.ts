import tls from "node:tls";
import { describe, expect, it } from "vitest";
import { parsePriority } from "../../src/tls/priority.ts";

const both = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" };

describe("a priority string", () => {
  it.each([
    ["NORMAL", both],
    ["@LIBVIRT,SYSTEM", both],
    ["SECURE128:%SAFE_RENEGOTIATION", both],
    ["NORMAL:-VERS-ALL:+VERS-TLS1.2", { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }],
    ["normal:-vers-tls1.2", { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" }],
    ["NORMAL:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1", { ...both, ecdhCurve: "X25519:P-256" }],
    [
      "NORMAL:-CIPHER-ALL:+AES-256-GCM:-KX-ALL:+ECDHE-RSA",
      { ...both, ciphers: "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384" },
    ],
    [
      "NONE:+VERS-TLS1.3:+CHACHA20-POLY1305:+GROUP-X25519",
      { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ciphers: "TLS_CHACHA20_POLY1305_SHA256", ecdhCurve: "X25519" },
    ],
  ])("%s is translated", (text, expected) => {
    expect(parsePriority(text)).toEqual(expected);
    expect(() => tls.createSecureContext(parsePriority(text))).not.toThrow();
  });

  it("of the strong kind leaves out what is short", () => {
    const { ciphers = "", ecdhCurve } = parsePriority("SECURE256");
    expect(ciphers).not.toContain("128");
    expect(ecdhCurve).toBe("X448:P-384:P-521");
  });

  it.each(["", "FOO", "NORMAL:+FOO", "NORMAL:+VERS-TLS1.1", "NORMAL:AES-256-GCM", "LEGACY"])("%j can't be", (text) => {
    expect(() => parsePriority(text)).toThrow("can't be translated; understood are");
  });

  it.each(["NORMAL:-VERS-ALL", "NORMAL:-CIPHER-ALL", "NORMAL:-KX-ALL:-VERS-TLS1.3", "NORMAL:-GROUP-ALL"])(
    "%s leaves nothing",
    (text) => {
      expect(() => parsePriority(text)).toThrow("leaves no choice of");
    },
  );
});

import { domainToASCII } from "node:url";
import type { Certificate } from "./certificate.ts";

/**
 * What is wrong when a server at `host` shows this certificate, or `null` (F107). Names and addresses of the
 * subjectAltName count; the common name only where there are none of either.
 */
export function hostProblem(certificate: Certificate, host: string): string | null {
  if (matchesHost(certificate, host)) return null;
  return `the certificate is for ${holders(certificate)}, not for ${host}`;
}

function matchesHost({ dnsNames, ipAddresses, commonNames }: Certificate, host: string): boolean {
  const named = dnsNames.length > 0 || ipAddresses.length > 0;
  if (isAddress(host)) {
    const wanted = canonicalAddress(host);
    return ipAddresses.some((ip) => canonicalAddress(ip) === wanted) || (!named && commonNames.includes(host));
  }
  const wanted = canonicalName(host);
  return (named ? dnsNames : commonNames).some((name) => matchesName(wanted, name));
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

/** One text per address: `URL` shortens IPv6, a scope is no part of it. */
function canonicalAddress(address: string): string {
  const [bare = ""] = address.split("%");
  const url = `http://${bare.includes(":") ? `[${bare}]` : bare}/`;
  return URL.canParse(url) ? new URL(url).hostname : bare;
}

function canonicalName(host: string): string {
  const name = domainToASCII(host) || host;
  return name.toLowerCase().replace(/\.$/, "");
}

/** A `*` stands for exactly the first label, and two must follow it (RFC 6125 §6.4.3). */
function matchesName(wanted: string, pattern: string): boolean {
  const name = pattern.toLowerCase().replace(/\.$/, "");
  if (name === "" || wanted === "") return false;
  if (!name.startsWith("*.")) return name === wanted;
  const rest = name.slice(1);
  const label = wanted.slice(0, Math.max(0, wanted.length - rest.length));
  return rest.split(".").length > 2 && !rest.includes("*") && wanted.endsWith(rest) && /^[^.]+$/.test(label);
}

function holders({ dnsNames, ipAddresses, commonNames }: Certificate): string {
  const names = [...dnsNames, ...ipAddresses];
  return (names.length > 0 ? names : commonNames).slice(0, 8).join(", ") || "nobody in particular";
}
